// Command clients drives Go's clients of a transparency log as they are published: rekor-tiles' own library, Tessera's
// client, the note package. The suite prints a line for every case, `PASS name: detail` or `FAIL name: reason`.
//
//	clients suite            -url URL -read URL -grpc HOST:PORT -vkey FILE
//	clients submit           -url URL -vkey FILE -acks FILE -count N -clients N
//	clients check            -url URL -read URL -vkey FILE -acks FILE -clients N   are they all there?
//	clients witnessed        -read URL -vkey FILE -witness FILE              is its checkpoint cosigned?
//	clients verify-ed25519ph -bundle FILE -signed FILE -key FILE -vkey FILE
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	sumdb "golang.org/x/mod/sumdb/note"
)

// options are the flags of all commands; each uses those that its line above shows.
type options struct {
	url, read, grpc, vkey, acks, bundle, signed, key, witness string
	count, clients                                            int
}

var commands = map[string]func(context.Context, options) error{
	"suite": suite, "submit": submit, "check": check, "witnessed": witnessed, "verify-ed25519ph": verifyEd25519ph,
}

func main() {
	var o options
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: clients suite|submit|check|witnessed|verify-ed25519ph FLAGS")
		os.Exit(2)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&o.url, "url", "", "where the log takes entries")
	flags.StringVar(&o.read, "read", "", "where checkpoint and tiles are")
	flags.StringVar(&o.grpc, "grpc", "", "where it speaks gRPC, without TLS")
	flags.StringVar(&o.vkey, "vkey", "", "a file with the log's checkpoint key")
	flags.StringVar(&o.acks, "acks", "", "a file of what was acknowledged, one JSON object a line")
	flags.StringVar(&o.bundle, "bundle", "", "a Sigstore bundle")
	flags.StringVar(&o.signed, "signed", "", "the bytes that were signed")
	flags.StringVar(&o.key, "key", "", "a public key, PEM")
	flags.StringVar(&o.witness, "witness", "", "a file with the witness's key")
	flags.IntVar(&o.count, "count", 0, "how many entries")
	flags.IntVar(&o.clients, "clients", 1, "how many clients at once")
	_ = flags.Parse(os.Args[2:])
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := commands[os.Args[1]](ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// verifier reads the log's key with the note package.
func (o options) verifier() (sumdb.Verifier, error) {
	text, err := os.ReadFile(o.vkey)
	if err != nil {
		return nil, err
	}
	return sumdb.NewVerifier(strings.TrimSpace(string(text)))
}

// pass and fail print a case's line.
func pass(name, detail string, arguments ...any) { line("PASS", name, detail, arguments...) }
func fail(name, detail string, arguments ...any) { line("FAIL", name, detail, arguments...) }

func line(verdict, name, detail string, arguments ...any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(detail, arguments...)), " ")
	fmt.Printf("%s %s: %s\n", verdict, name, text)
}

// run prints the line of a case that must succeed.
func run(name string, work func() (string, error)) {
	if detail, err := work(); err != nil {
		fail(name, "%v", err)
	} else {
		pass(name, "%s", detail)
	}
}

// refuse prints the line of a case in which the client must fail, for the reason in `words` and no other.
func refuse(name, words string, err error) {
	switch {
	case err == nil:
		fail(name, "the client accepted it")
	case !strings.Contains(err.Error(), words):
		fail(name, "refused for another reason than expected, %q: %v", words, err)
	default:
		pass(name, "refused: %v", err)
	}
}
