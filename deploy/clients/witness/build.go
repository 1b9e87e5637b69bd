package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	witness "github.com/in-toto/go-witness"
	"github.com/in-toto/go-witness/attestation"
	"github.com/in-toto/go-witness/attestation/commandrun"
	"github.com/in-toto/go-witness/attestation/material"
	"github.com/in-toto/go-witness/attestation/product"
	"github.com/in-toto/go-witness/cryptoutil"
	"github.com/in-toto/go-witness/dsse"
)

// The steps of the build, and what they run; both are about out.txt.
var commands = []struct{ step, script string }{
	{"build", "cp in.txt out.txt && echo built >> out.txt"},
	{"test", "echo tested >> out.txt"},
}

// built is a build whose steps were attested by one functionary.
type built struct {
	functionary cryptoutil.Signer
	steps       map[string]dsse.Envelope
	// What is under verification: the digests of out.txt after each step.
	subjects []cryptoutil.DigestSet
	digest   string
}

func newSigner() (cryptoutil.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return cryptoutil.NewECDSASigner(key, crypto.SHA256), nil
}

// attest runs the steps in a folder, under go-witness' attestors.
func attest(dir string) (*built, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "in.txt"), []byte(hex.EncodeToString(nonce)), 0o600); err != nil {
		return nil, err
	}
	signer, err := newSigner()
	if err != nil {
		return nil, err
	}
	b := &built{functionary: signer, steps: map[string]dsse.Envelope{}}
	for _, command := range commands {
		if err := b.step(dir, command.step, command.script); err != nil {
			return nil, fmt.Errorf("%s: %w", command.step, err)
		}
	}
	return b, nil
}

func (b *built) step(dir, name, script string) error {
	done, err := witness.Run(name,
		witness.RunWithSigners(b.functionary),
		witness.RunWithAttestors([]attestation.Attestor{
			material.New(), commandrun.New(commandrun.WithCommand([]string{"sh", "-c", script})), product.New(),
		}),
		witness.RunWithAttestationOpts(attestation.WithWorkingDir(dir)))
	if err != nil {
		return err
	}
	b.steps[name] = done.SignedEnvelope
	sha256 := cryptoutil.DigestValue{Hash: crypto.SHA256}
	digests, err := cryptoutil.CalculateDigestSetFromFile(filepath.Join(dir, "out.txt"), []cryptoutil.DigestValue{sha256})
	if err != nil {
		return err
	}
	b.subjects = append(b.subjects, digests)
	b.digest = digests[sha256]
	return nil
}
