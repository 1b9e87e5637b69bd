package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
)

var (
	oidExtKeyUsage  = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	oidPolicy       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}
)

// timestamper is a timestamp authority (RFC 3161) that says what the system's clock says.
type timestamper struct {
	root, leaf *x509.Certificate
	key        *ecdsa.PrivateKey
}

func newTimestamper() (*timestamper, error) {
	start := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	t := &timestamper{key: newKey()}
	rootKey := newKey()
	template := caTemplate("interop time root", start, 0)
	var err error
	if t.root, err = certify(template, template, rootKey.Public(), rootKey); err != nil {
		return nil, err
	}
	// RFC 3161 §2.3: the one extended usage, critical.
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidTimeStamping})
	if err != nil {
		return nil, err
	}
	t.leaf, err = certify(&x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"interop.test"}, CommonName: "interop time"},
		NotBefore:    start, NotAfter: start.AddDate(9, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: oidExtKeyUsage, Critical: true, Value: usage}},
	}, t.root, t.key.Public(), rootKey)
	return t, err
}

func (t *timestamper) handler(w http.ResponseWriter, r *http.Request) {
	answer, err := t.stamp(http.MaxBytesReader(w, r.Body, maxBody), r.Header.Get("Content-Type"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}

func (t *timestamper) stamp(body io.Reader, contentType string) ([]byte, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	request, err := readRequest(data, contentType)
	if err != nil {
		return nil, err
	}
	answer := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Nonce: request.Nonce,
		Time: time.Now().UTC(), Accuracy: time.Second, Policy: oidPolicy, AddTSACertificate: request.Certificates,
	}
	return answer.CreateResponseWithOpts(t.leaf, t.key, crypto.SHA256)
}

// readRequest takes both forms that Sigstore's timestamp authority takes: RFC 3161's, and JSON, of which sigstore-js uses
// two members.
func readRequest(data []byte, contentType string) (*timestamp.Request, error) {
	if contentType != "application/json" {
		return timestamp.ParseRequest(data)
	}
	var asked struct {
		Hash      []byte `json:"artifactHash"`
		Algorithm string `json:"hashAlgorithm"`
	}
	if err := json.Unmarshal(data, &asked); err != nil {
		return nil, err
	}
	if asked.Algorithm != "sha256" || len(asked.Hash) != sha256.Size {
		return nil, fmt.Errorf("expected a SHA-256 hash, found %d bytes of %q", len(asked.Hash), asked.Algorithm)
	}
	return &timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: asked.Hash}, nil
}
