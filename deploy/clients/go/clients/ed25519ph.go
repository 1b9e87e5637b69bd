package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	pb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"
)

type entry = *rekor.TransparencyLogEntry

// verifyEd25519ph verifies what cosign logs with an Ed25519 key and cannot verify itself: the entry by rekor-tiles'
// library, the signature by Go's Ed25519ph over the bytes that were signed.
func verifyEd25519ph(_ context.Context, o options) error {
	key, err := o.verifier()
	if err != nil {
		return err
	}
	logged, err := bundleEntry(o.bundle)
	if err != nil {
		return err
	}
	if err := verify.VerifyLogEntry(logged, key); err != nil {
		return err
	}
	leaf := pb.Entry{}
	if err := protojson.Unmarshal(logged.CanonicalizedBody, &leaf); err != nil {
		return err
	}
	message, err := os.ReadFile(o.signed)
	if err != nil {
		return err
	}
	public, err := readKey(o.key)
	if err != nil {
		return err
	}
	digest := sha512.Sum512(message)
	signature := leaf.GetSpec().GetHashedRekordV002().GetSignature().GetContent()
	if err := ed25519.VerifyWithOptions(public, digest[:], signature, &ed25519.Options{Hash: crypto.SHA512}); err != nil {
		return err
	}
	fmt.Printf("entry %d and its Ed25519ph signature verified\n", logged.LogIndex)
	return nil
}

func bundleEntry(path string) (entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var bundle struct {
		VerificationMaterial struct {
			TlogEntries []json.RawMessage `json:"tlogEntries"`
		} `json:"verificationMaterial"`
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		return nil, err
	}
	if n := len(bundle.VerificationMaterial.TlogEntries); n != 1 {
		return nil, fmt.Errorf("expected one log entry in the bundle, found %d", n)
	}
	logged := &rekor.TransparencyLogEntry{}
	return logged, protojson.Unmarshal(bundle.VerificationMaterial.TlogEntries[0], logged)
}

func readKey(path string) (ed25519.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("expected a PEM public key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("expected an Ed25519 key, found %T", key)
	}
	return public, nil
}
