package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"time"
)

var (
	oidIssuer   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	oidIssuerV1 = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
	oidSCTs     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
)

// authority is a certificate authority of two levels with a certificate log that consists of its key.
type authority struct {
	root, intermediate *x509.Certificate
	key, logKey        *ecdsa.PrivateKey
	logKeyDER          []byte
	logID              [32]byte
	start              time.Time
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// serial is a positive number of 128 bits.
func serial() *big.Int {
	bytes := make([]byte, 16)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	bytes[0] = bytes[0]&0x3f | 0x40
	return new(big.Int).SetBytes(bytes)
}

// certify signs a certificate and gives it as a reader sees it.
func certify(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func caTemplate(name string, start time.Time, pathLength int) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"interop.test"}, CommonName: name},
		NotBefore:    start, NotAfter: start.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLen: pathLength, MaxPathLenZero: pathLength == 0,
	}
}

func newAuthority() (*authority, error) {
	start := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	a := &authority{key: newKey(), logKey: newKey(), start: start}
	rootKey := newKey()
	template := caTemplate("interop root", start, 1)
	var err error
	if a.root, err = certify(template, template, rootKey.Public(), rootKey); err != nil {
		return nil, err
	}
	template = caTemplate("interop issuing", start, 0)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	if a.intermediate, err = certify(template, a.root, a.key.Public(), rootKey); err != nil {
		return nil, err
	}
	if a.logKeyDER, err = x509.MarshalPKIXPublicKey(a.logKey.Public()); err != nil {
		return nil, err
	}
	a.logID = sha256.Sum256(a.logKeyDER)
	return a, nil
}

// issue makes a certificate of ten minutes for the key of whoever `email` is at `issuer`, with its timestamp from the
// certificate log inside (RFC 6962 §3.3).
func (a *authority) issue(public crypto.PublicKey, email, issuer string) (*x509.Certificate, error) {
	text, err := asn1.MarshalWithParams(issuer, "utf8")
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-time.Minute), NotAfter: now.Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		EmailAddresses: []string{email},
		ExtraExtensions: []pkix.Extension{
			{Id: oidIssuerV1, Value: []byte(issuer)}, {Id: oidIssuer, Value: text},
		},
	}
	before, err := certify(template, a.intermediate, public, a.key)
	if err != nil {
		return nil, err
	}
	scts, err := a.scts(before.RawTBSCertificate)
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidSCTs, Value: scts})
	return certify(template, a.intermediate, public, a.key)
}

// scts is the extension's value: an octet string with a list of one signed certificate timestamp over the certificate
// as it is without the extension (RFC 6962 §3.2).
func (a *authority) scts(tbs []byte) ([]byte, error) {
	millis := uint64(time.Now().UnixMilli())
	issuerKey := sha256.Sum256(a.intermediate.RawSubjectPublicKeyInfo)
	signed := []byte{0, 0}
	signed = binary.BigEndian.AppendUint64(signed, millis)
	signed = append(signed, 0, 1)
	signed = append(signed, issuerKey[:]...)
	signed = append(signed, byte(len(tbs)>>16), byte(len(tbs)>>8), byte(len(tbs)))
	signed = append(append(signed, tbs...), 0, 0)
	digest := sha256.Sum256(signed)
	signature, err := ecdsa.SignASN1(rand.Reader, a.logKey, digest[:])
	if err != nil {
		return nil, err
	}
	sct := append([]byte{0}, a.logID[:]...)
	sct = binary.BigEndian.AppendUint64(sct, millis)
	sct = append(sct, 0, 0, 4, 3)
	sct = binary.BigEndian.AppendUint16(sct, uint16(len(signature)))
	sct = append(sct, signature...)
	list := binary.BigEndian.AppendUint16(nil, uint16(len(sct)+2))
	list = binary.BigEndian.AppendUint16(list, uint16(len(sct)))
	return asn1.Marshal(append(list, sct...))
}
