package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/sigstore/rekor-tiles/v2/pkg/client/read"
	"github.com/sigstore/rekor-tiles/v2/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
)

// reader is rekor-tiles' reading client for this log.
func (o options) reader() (read.Client, error) {
	text, err := os.ReadFile(o.vkey)
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(strings.TrimSpace(string(text)), "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("expected a vkey of three parts")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	key, err := signature.LoadED25519Verifier(ed25519.PublicKey(raw[1:]))
	if err != nil {
		return nil, err
	}
	return read.NewReader(o.read, parts[0], key)
}

// fetcher is Tessera's reading client for this log.
func (o options) fetcher() (*client.HTTPFetcher, error) {
	root, err := url.Parse(o.read + "/")
	if err != nil {
		return nil, err
	}
	return client.NewHTTPFetcher(root, http.DefaultClient)
}

// leaves reads every entry under the log's checkpoint, and checks that they make its root.
func leaves(ctx context.Context, reader read.Client) (*log.Checkpoint, [][]byte, error) {
	checkpoint, _, err := reader.ReadCheckpoint(ctx)
	if err != nil {
		return nil, nil, err
	}
	entries := [][]byte{}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for part := range layout.Range(0, checkpoint.Size, checkpoint.Size) {
		text, err := reader.ReadEntryBundle(ctx, part.Index, part.Partial)
		if err != nil {
			return nil, nil, err
		}
		bundle := api.EntryBundle{}
		if err := bundle.UnmarshalText(text); err != nil {
			return nil, nil, err
		}
		if uint(len(bundle.Entries)) != part.N {
			return nil, nil, fmt.Errorf("bundle %d holds %d entries, expected %d", part.Index, len(bundle.Entries), part.N)
		}
		for _, entry := range bundle.Entries {
			entries = append(entries, entry)
			if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil); err != nil {
				return nil, nil, err
			}
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(root, checkpoint.Hash) {
		return nil, nil, fmt.Errorf("the entries have root %x, the checkpoint %x", root, checkpoint.Hash)
	}
	return checkpoint, entries, nil
}

func (s *tiles) reading() {
	run("go.read.entries", func() (string, error) {
		reader, err := s.reader()
		if err != nil {
			return "", err
		}
		checkpoint, entries, err := leaves(s.ctx, reader)
		if err != nil {
			return "", err
		}
		if s.entry.LogIndex >= int64(len(entries)) || !bytes.Equal(entries[s.entry.LogIndex], s.entry.CanonicalizedBody) {
			return "", fmt.Errorf("the bundles do not hold the entry at index %d", s.entry.LogIndex)
		}
		return fmt.Sprintf("%d entries make the root, among them the newest at %d", checkpoint.Size, s.entry.LogIndex), nil
	})
	run("go.read.consistency", func() (string, error) {
		tracker, err := s.follow(func(tile []byte) []byte { return tile })
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("size %d goes on from the checkpoint of the first entry", tracker.Latest().Size), nil
	})
	_, err := s.follow(func(tile []byte) []byte { tile[len(tile)-1] ^= 1; return tile })
	refuse("go.read.refuse.altered-tile", "calculated root", err)
}

// follow is what a monitor does: it holds the first entry's checkpoint against that of now, by tiles that `change` may alter.
func (s *tiles) follow(change func([]byte) []byte) (*client.LogStateTracker, error) {
	fetcher, err := s.fetcher()
	if err != nil {
		return nil, err
	}
	tiles := func(ctx context.Context, level, index uint64, partial uint8) ([]byte, error) {
		tile, err := fetcher.ReadTile(ctx, level, index, partial)
		if err != nil {
			return nil, err
		}
		return change(bytes.Clone(tile)), nil
	}
	now, err := fetcher.ReadCheckpoint(s.ctx)
	if err != nil {
		return nil, err
	}
	tracker, err := client.NewLogStateTracker(s.ctx, tiles, now, s.key, s.key.Name(), client.UnilateralConsensus(fetcher.ReadCheckpoint))
	if err != nil {
		return nil, err
	}
	builder, err := client.NewProofBuilder(s.ctx, tracker.Latest().Size, tiles)
	if err != nil {
		return nil, err
	}
	before, err := verify.VerifyCheckpoint(s.first.InclusionProof.Checkpoint.Envelope, s.key)
	if err != nil {
		return nil, err
	}
	proof, err := builder.ConsistencyProof(s.ctx, before.Size, tracker.Latest().Size)
	if err != nil {
		return nil, err
	}
	return tracker, verify.VerifyConsistencyProof(proof, before.Size, before.Hash, string(now), s.key)
}
