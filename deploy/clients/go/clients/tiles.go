package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/client/write"
	pb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/verify"
	sumdb "golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

// suite writes with rekor-tiles' client, reads with it and Tessera's, verifies with its own verification, and opens the
// checkpoint with the note package.
func suite(ctx context.Context, o options) error {
	key, err := o.verifier()
	if err != nil {
		return err
	}
	writer, err := write.NewWriter(o.url)
	if err != nil {
		return err
	}
	s := &tiles{ctx: ctx, options: o, key: key, writer: writer}
	for _, a := range algorithms {
		run("go.write."+a.name, func() (string, error) { return s.add(a, false) })
		run("go.write."+a.name+"-certificate", func() (string, error) { return s.add(a, true) })
	}
	run("go.write.grpc", s.addByGRPC)
	run("go.write.duplicate", s.duplicate)
	s.refusals()
	s.reading()
	return s.note()
}

type tiles struct {
	ctx context.Context
	options
	key    sumdb.Verifier
	writer write.Client
	// The first entry that was logged, and the newest.
	first, entry *rekor.TransparencyLogEntry
}

// accept verifies what the log answered to a request, the leaf included.
func (s *tiles) accept(entry *rekor.TransparencyLogEntry, request *pb.HashedRekordRequestV002) (string, error) {
	s.entry = entry
	if s.first == nil {
		s.first = entry
	}
	if err := verify.VerifyLogEntry(entry, s.key); err != nil {
		return "", err
	}
	if err := sameLeaf(entry.CanonicalizedBody, request); err != nil {
		return "", err
	}
	return fmt.Sprintf("index %d, proof of %d hashes", entry.LogIndex, len(entry.InclusionProof.Hashes)), nil
}

func (s *tiles) add(a algorithm, certified bool) (string, error) {
	author, err := a.author(certified)
	if err != nil {
		return "", err
	}
	request, err := author.request()
	if err != nil {
		return "", err
	}
	entry, err := s.writer.Add(s.ctx, request)
	if err != nil {
		return "", err
	}
	return s.accept(entry, request)
}

func (s *tiles) addByGRPC() (string, error) {
	connection, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", err
	}
	defer connection.Close()
	author, err := algorithms[0].author(false)
	if err != nil {
		return "", err
	}
	request, err := author.request()
	if err != nil {
		return "", err
	}
	entry, err := pb.NewRekorClient(connection).CreateEntry(s.ctx, &pb.CreateEntryRequest{
		Spec: &pb.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: request},
	})
	if err != nil {
		return "", err
	}
	return s.accept(entry, request)
}

// duplicate sends one request twice; the second answer must name the first index.
func (s *tiles) duplicate() (string, error) {
	author, err := algorithms[0].author(false)
	if err != nil {
		return "", err
	}
	request, err := author.request()
	if err != nil {
		return "", err
	}
	entry, err := s.writer.Add(s.ctx, request)
	if err != nil {
		return "", err
	}
	if _, err = s.accept(entry, request); err != nil {
		return "", err
	}
	_, err = s.writer.Add(s.ctx, request)
	index, err := duplicateOf(err)
	if err != nil {
		return "", err
	}
	if index != uint64(entry.LogIndex) {
		return "", fmt.Errorf("the duplicate of index %d was answered with %d", entry.LogIndex, index)
	}
	return fmt.Sprintf("409 with index %d", index), nil
}

// refusals spoils the newest entry, which verified as it was.
func (s *tiles) refusals() {
	altered := func(change func(*rekor.TransparencyLogEntry)) error {
		entry := proto.Clone(s.entry).(*rekor.TransparencyLogEntry)
		change(entry)
		return verify.VerifyLogEntry(entry, s.key)
	}
	refuse("go.refuse.altered-proof", "calculated root", altered(func(e *rekor.TransparencyLogEntry) { e.InclusionProof.Hashes[0][0] ^= 1 }))
	refuse("go.refuse.altered-index", "verifying inclusion", altered(func(e *rekor.TransparencyLogEntry) { e.LogIndex ^= 1 }))
	refuse("go.refuse.altered-body", "calculated root", altered(func(e *rekor.TransparencyLogEntry) { e.CanonicalizedBody[9] ^= 1 }))
	refuse("go.refuse.altered-root", "unverified checkpoint signature", altered(func(e *rekor.TransparencyLogEntry) {
		note := []byte(e.InclusionProof.Checkpoint.Envelope)
		at := bytes.IndexByte(note, '\n') + 1
		at += bytes.IndexByte(note[at:], '\n') + 1
		note[at] = other(note[at])
		e.InclusionProof.Checkpoint.Envelope = string(note)
	}))
	_, stranger, err := sumdb.GenerateKey(rand.Reader, s.key.Name())
	if err != nil {
		fail("go.refuse.other-root", "%v", err)
		return
	}
	key, err := sumdb.NewVerifier(stranger)
	if err != nil {
		fail("go.refuse.other-root", "%v", err)
		return
	}
	refuse("go.refuse.other-root", "note has no verifiable signatures", verify.VerifyLogEntry(s.entry, key))
}

// other is another letter of base64.
func other(letter byte) byte {
	if letter == 'A' {
		return 'B'
	}
	return 'A'
}
