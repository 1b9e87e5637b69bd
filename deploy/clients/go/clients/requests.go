package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	pb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
)

// algorithm is one that Rekor v2 takes.
type algorithm struct {
	name    string
	details common.PublicKeyDetails
	hash    crypto.Hash
	make    func() (crypto.Signer, error)
}

func curve(c elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(c, rand.Reader) }
}

var algorithms = []algorithm{
	{"p256", common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, crypto.SHA256, curve(elliptic.P256())},
	{"p384", common.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384, crypto.SHA384, curve(elliptic.P384())},
	{"p521", common.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512, crypto.SHA512, curve(elliptic.P521())},
	{"rsa", common.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256, crypto.SHA256, func() (crypto.Signer, error) {
		return rsa.GenerateKey(rand.Reader, 2048)
	}},
	{"ed25519ph", common.PublicKeyDetails_PKIX_ED25519_PH, crypto.SHA512, func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}},
}

// author signs one random message after the other.
type author struct {
	algorithm
	signer crypto.Signer
	public *pb.PublicKey
	cert   *common.X509Certificate
}

// author makes a key, and a certificate for it if `certified`.
func (a algorithm) author(certified bool) (*author, error) {
	signer, err := a.make()
	if err != nil {
		return nil, err
	}
	if certified {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "author"},
			NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
		return &author{algorithm: a, signer: signer, cert: &common.X509Certificate{RawBytes: der}}, err
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	return &author{algorithm: a, signer: signer, public: &pb.PublicKey{RawBytes: der}}, err
}

// request signs 32 random bytes.
func (a *author) request() (*pb.HashedRekordRequestV002, error) {
	message := make([]byte, 32)
	if _, err := rand.Read(message); err != nil {
		return nil, err
	}
	hasher := a.hash.New()
	hasher.Write(message)
	digest := hasher.Sum(nil)
	signature, err := a.signer.Sign(rand.Reader, digest, a.hash)
	if err != nil {
		return nil, err
	}
	verifier := &pb.Verifier{KeyDetails: a.details}
	if a.cert != nil {
		verifier.Verifier = &pb.Verifier_X509Certificate{X509Certificate: a.cert}
	} else {
		verifier.Verifier = &pb.Verifier_PublicKey{PublicKey: a.public}
	}
	return &pb.HashedRekordRequestV002{Digest: digest, Signature: &pb.Signature{Content: signature, Verifier: verifier}}, nil
}
