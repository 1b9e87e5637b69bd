package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/sigstore/rekor-tiles/v2/pkg/client/write"
	pb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/verify"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// ack is a request with what the log promised; without a promise (Index -1) it was on its way when the log died.
type ack struct {
	Index   int64  `json:"index"`
	Leaf    []byte `json:"leaf,omitempty"`
	Request []byte `json:"request"`
}

// submit sends `count` entries from `clients` clients at once and verifies every answer. When the server dies, it ends
// like one that was told to. Each request becomes a line of the file, with what was answered if it was.
func submit(ctx context.Context, o options) error {
	key, err := o.verifier()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(o.acks, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	// A connection for each client, so that they are at once.
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = o.clients
	s := &submission{ctx: ctx, file: file, indexes: map[int64]bool{}}
	var clients sync.WaitGroup
	for i := range o.clients {
		client, err := write.NewWriter(o.url)
		if err != nil {
			return err
		}
		author, err := algorithms[0].author(i%2 == 1)
		if err != nil {
			return err
		}
		clients.Go(func() {
			for n := i; n < o.count; n += o.clients {
				request, err := author.request()
				if err != nil || !s.one(client, request, func(entry entry) error { return verify.VerifyLogEntry(entry, key) }) {
					return
				}
			}
		})
	}
	clients.Wait()
	if s.wrong != nil {
		return s.wrong
	}
	fmt.Printf("%d entries acknowledged, indexes distinct, proofs valid; %d without an answer\n", len(s.indexes), s.lost)
	return nil
}

type submission struct {
	ctx     context.Context
	lock    sync.Mutex
	file    *os.File
	indexes map[int64]bool
	lost    int
	wrong   error
}

// one submits a request; it gives false when the client should end.
func (s *submission) one(client write.Client, request *pb.HashedRekordRequestV002, valid func(entry) error) bool {
	answer, err := client.Add(s.ctx, request)
	s.lock.Lock()
	defer s.lock.Unlock()
	raw, broken := proto.Marshal(request)
	record := ack{Index: -1, Request: raw}
	switch {
	case broken != nil:
		s.wrong = broken
	case err != nil && isAnswer(err):
		s.wrong = err
	case err != nil:
		s.lost++
	default:
		record.Index, record.Leaf = answer.LogIndex, answer.CanonicalizedBody
		if err := valid(answer); err != nil {
			s.wrong = fmt.Errorf("index %d: %w", answer.LogIndex, err)
		} else if err := sameLeaf(answer.CanonicalizedBody, request); err != nil {
			s.wrong = err
		} else if s.indexes[answer.LogIndex] {
			s.wrong = fmt.Errorf("index %d was given twice", answer.LogIndex)
		}
		s.indexes[answer.LogIndex] = true
	}
	line, broken := json.Marshal(record)
	if broken != nil {
		s.wrong = broken
	} else if _, err := s.file.Write(append(line, '\n')); err != nil {
		s.wrong = err
	}
	return err == nil && s.wrong == nil
}

// check holds what was acknowledged against the log as it is now, and asks for each entry again.
func check(ctx context.Context, o options) error {
	acks, err := readAcks(o.acks)
	if err != nil {
		return err
	}
	reader, err := o.reader()
	if err != nil {
		return err
	}
	_, before, err := leaves(ctx, reader)
	if err != nil {
		return err
	}
	writer, err := write.NewWriter(o.url)
	if err != nil {
		return err
	}
	c := &checking{ctx: ctx, writer: writer, before: before}
	var clients errgroup.Group
	clients.SetLimit(max(o.clients, 1))
	for _, a := range acks {
		clients.Go(func() error { return c.one(a) })
	}
	if err := clients.Wait(); err != nil {
		return err
	}
	fmt.Printf("%d acknowledged entries in place, and their duplicates answered with their index; %d that had no answer, %d of them new\n",
		c.kept.Load(), int64(len(acks))-c.kept.Load(), c.fresh.Load())
	return nil
}

type checking struct {
	ctx         context.Context
	writer      write.Client
	before      [][]byte
	kept, fresh atomic.Int64
}

// one looks for an entry at its index and asks for it again. What was never answered may be in the log or not; if it
// is, the index that the log names for it must be the one that holds it.
func (c *checking) one(a ack) error {
	request := &pb.HashedRekordRequestV002{}
	if err := proto.Unmarshal(a.Request, request); err != nil {
		return err
	}
	if a.Index >= 0 {
		if a.Index >= int64(len(c.before)) || !bytes.Equal(c.before[a.Index], a.Leaf) {
			return fmt.Errorf("index %d of a log of %d does not hold the entry that was acknowledged", a.Index, len(c.before))
		}
		c.kept.Add(1)
	}
	answer, err := c.writer.Add(c.ctx, request)
	if err == nil && a.Index < 0 {
		c.fresh.Add(1)
		return nil
	}
	if err == nil {
		return fmt.Errorf("the entry of index %d was logged again, with index %d", a.Index, answer.LogIndex)
	}
	index, err := duplicateOf(err)
	if err != nil {
		return err
	}
	if a.Index >= 0 && index != uint64(a.Index) {
		return fmt.Errorf("the duplicate of index %d was answered with %d", a.Index, index)
	}
	if index >= uint64(len(c.before)) {
		return fmt.Errorf("a duplicate was answered with index %d, beyond the log's size of %d", index, len(c.before))
	}
	return sameLeaf(c.before[index], request)
}

func readAcks(path string) ([]ack, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	acks := []ack{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		a := ack{}
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return nil, err
		}
		acks = append(acks, a)
	}
	return acks, lines.Err()
}
