// Command witness does what a user of go-witness does with an Archivista server: two steps of a build are attested and
// stored there, and a policy is verified with what is found there and nothing else. It prints a line for every case,
// `PASS name: detail` or `FAIL name: reason`.
//
//	witness -url URL -dir DIR
//
// It leaves DIR/build.json and DIR/test.json, the envelopes of its steps, and DIR/stored.json: their gitoids and the
// digest of the file that they are about.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	url := flag.String("url", "", "the Archivista server")
	dir := flag.String("dir", "", "an empty folder")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := suite(ctx, *url, *dir); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func suite(ctx context.Context, url, dir string) error {
	built, err := attest(filepath.Join(dir, "work"))
	if err != nil {
		return err
	}
	stored := store(ctx, url, built)
	for name, envelope := range built.steps {
		if err := write(filepath.Join(dir, name+".json"), envelope); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(dir, "stored.json"), map[string]any{"gitoids": stored, "sha256": built.digest}); err != nil {
		return err
	}
	return verification(ctx, url, built)
}

func write(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// run prints the line of a case that must succeed.
func run(name string, work func() (string, error)) {
	if detail, err := work(); err != nil {
		line("FAIL", name, err.Error())
	} else {
		line("PASS", name, detail)
	}
}

// refuse prints the line of a case in which the client must fail, for the reason in `words` and no other.
func refuse(name, words string, err error) {
	switch {
	case err == nil:
		line("FAIL", name, "the client accepted it")
	case !strings.Contains(err.Error(), words):
		line("FAIL", name, fmt.Sprintf("refused for another reason than expected, %q: %v", words, err))
	default:
		line("PASS", name, fmt.Sprintf("refused: %v", err))
	}
}

func line(verdict, name, detail string) {
	fmt.Printf("%s archivista.witness.%s: %s\n", verdict, name, strings.Join(strings.Fields(detail), " "))
}
