package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sigstore/rekor-tiles/v2/pkg/verify"
	"github.com/transparency-dev/formats/note"
)

// witnessed verifies the served checkpoint with the log's key and a witness's: rekor-tiles' library must find the
// signatures of both, the log's first.
func witnessed(ctx context.Context, o options) error {
	key, err := o.verifier()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(o.witness)
	if err != nil {
		return err
	}
	witness, err := note.NewVerifierForCosignatureV1(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	fetcher, err := o.fetcher()
	if err != nil {
		return err
	}
	served, err := fetcher.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	checkpoint, opened, err := verify.VerifyWitnessedCheckpoint(string(served), key, witness)
	if err != nil {
		return err
	}
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		return fmt.Errorf("not cosigned by %s: %d signatures verified, %d of others", witness.Name(), len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	if opened.Sigs[0].Hash != key.KeyHash() {
		return errors.New("the log's signature is not the first")
	}
	fmt.Printf("size %d cosigned by %s\n", checkpoint.Size, witness.Name())
	return nil
}
