package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/in-toto/go-witness/archivista"
	"github.com/in-toto/go-witness/dsse"
)

// store stores the steps by go-witness' client, and gives their gitoids.
func store(ctx context.Context, url string, b *built) map[string]string {
	client := archivista.New(url)
	stored := map[string]string{}
	run("store", func() (string, error) {
		for name, envelope := range b.steps {
			gitoid, err := client.Store(ctx, envelope)
			if err != nil {
				return "", err
			}
			stored[name] = gitoid
		}
		return fmt.Sprint(stored), nil
	})
	run("store-again", func() (string, error) {
		for name, envelope := range b.steps {
			gitoid, err := client.Store(ctx, envelope)
			if err != nil {
				return "", err
			}
			if gitoid != stored[name] {
				return "", fmt.Errorf("%s: expected %s, found %s", name, stored[name], gitoid)
			}
		}
		return "the same gitoids", nil
	})
	run("download", func() (string, error) {
		for name, envelope := range b.steps {
			found, err := client.Download(ctx, stored[name])
			if err != nil {
				return "", err
			}
			if err := same(found, envelope); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		return "what was stored", nil
	})
	_, err := client.Download(ctx, strings.Repeat("00", 32))
	refuse("refuse.unknown-gitoid", "no envelope with gitoid", err)
	return stored
}

func same(found, stored dsse.Envelope) error {
	if !bytes.Equal(found.Payload, stored.Payload) || found.PayloadType != stored.PayloadType {
		return fmt.Errorf("another payload of type %s", found.PayloadType)
	}
	if len(found.Signatures) != len(stored.Signatures) || !bytes.Equal(found.Signatures[0].Signature, stored.Signatures[0].Signature) {
		return fmt.Errorf("other signatures: %v", found.Signatures)
	}
	return nil
}
