package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/transparency-dev/formats/log"
	sumdb "golang.org/x/mod/sumdb/note"
)

// note opens the served checkpoint with the note package, of which every client in Go is made.
func (s *tiles) note() error {
	key := s.key
	fetcher, err := s.fetcher()
	if err != nil {
		return err
	}
	text, err := fetcher.ReadCheckpoint(s.ctx)
	if err != nil {
		return err
	}
	open := func(text []byte, key sumdb.Verifier) error {
		_, err := sumdb.Open(text, sumdb.VerifierList(key))
		return err
	}
	run("go.note.open", func() (string, error) {
		opened, err := sumdb.Open(text, sumdb.VerifierList(key))
		if err != nil {
			return "", err
		}
		if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 0 {
			return "", fmt.Errorf("expected one signature, found %d, and %d unknown", len(opened.Sigs), len(opened.UnverifiedSigs))
		}
		checkpoint, _, _, err := log.ParseCheckpoint(text, key.Name(), key)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("signed by %s, size %d", opened.Sigs[0].Name, checkpoint.Size), nil
	})
	refuse("go.note.refuse.altered-size", "invalid signature for key", open(bytes.Replace(text, []byte("\n"), []byte("\n1"), 1), key))
	last := bytes.LastIndexByte(text[:len(text)-1], ' ') + 20
	forged := bytes.Clone(text)
	forged[last] = other(forged[last])
	refuse("go.note.refuse.altered-signature", "invalid signature for key", open(forged, key))
	refuse("go.note.refuse.no-signature", "malformed note", open(text[:bytes.Index(text, []byte("\n\n"))+1], key))
	_, stranger, err := sumdb.GenerateKey(rand.Reader, key.Name())
	if err != nil {
		return err
	}
	unknown, err := sumdb.NewVerifier(strings.TrimSpace(stranger))
	if err != nil {
		return err
	}
	refuse("go.note.refuse.other-root", "note has no verifiable signatures", open(text, unknown))
	_, _, _, err = log.ParseCheckpoint(text, "elsewhere", key)
	refuse("go.note.refuse.other-origin", "elsewhere", err)
	return nil
}
