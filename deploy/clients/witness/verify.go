package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	witness "github.com/in-toto/go-witness"
	"github.com/in-toto/go-witness/archivista"
	"github.com/in-toto/go-witness/attestation/commandrun"
	"github.com/in-toto/go-witness/cryptoutil"
	"github.com/in-toto/go-witness/dsse"
	"github.com/in-toto/go-witness/policy"
	"github.com/in-toto/go-witness/source"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// verification verifies the build's policy with what the server has, and what must not verify.
func verification(ctx context.Context, url string, b *built) error {
	good, err := newRules(b.functionary, "build", "test")
	if err != nil {
		return err
	}
	stranger, err := newSigner()
	if err != nil {
		return err
	}
	other, err := newRules(stranger, "build", "test")
	if err != nil {
		return err
	}
	longer, err := newRules(b.functionary, "build", "test", "release")
	if err != nil {
		return err
	}
	run("verify", func() (string, error) { return good.verify(ctx, url, b.subjects) })
	unknown := []cryptoutil.DigestSet{{{Hash: crypto.SHA256}: strings.Repeat("00", 32)}}
	for name, tried := range map[string]struct {
		rules    *rules
		subjects []cryptoutil.DigestSet
	}{
		"wrong-artifact": {good, unknown}, "wrong-functionary": {other, b.subjects}, "missing-step": {longer, b.subjects},
		// The step before is about another file, which nobody named.
		"half-the-files": {good, b.subjects[len(b.subjects)-1:]},
	} {
		_, err := tried.rules.verify(ctx, url, tried.subjects)
		refuse("refuse."+name, "policy verification failed", err)
	}
	return nil
}

// rules are a signed policy, and who signed it.
type rules struct {
	envelope dsse.Envelope
	verifier cryptoutil.Verifier
	steps    int
}

// newRules makes a policy by which the functionary attested each of the steps.
func newRules(functionary cryptoutil.Signer, steps ...string) (*rules, error) {
	verifier, err := functionary.Verifier()
	if err != nil {
		return nil, err
	}
	id, err := verifier.KeyID()
	if err != nil {
		return nil, err
	}
	key, err := verifier.Bytes()
	if err != nil {
		return nil, err
	}
	p := policy.Policy{
		Expires:    metav1.Time{Time: time.Now().Add(time.Hour)},
		PublicKeys: map[string]policy.PublicKey{id: {KeyID: id, Key: key}},
		Steps:      map[string]policy.Step{},
	}
	for _, step := range steps {
		p.Steps[step] = policy.Step{
			Name:          step,
			Functionaries: []policy.Functionary{{Type: "PublicKey", PublicKeyID: id}},
			Attestations:  []policy.Attestation{{Type: commandrun.Type}},
		}
	}
	return signed(p)
}

func signed(p policy.Policy) (*rules, error) {
	signer, err := newSigner()
	if err != nil {
		return nil, err
	}
	verifier, err := signer.Verifier()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := witness.Sign(bytes.NewReader(text), policy.PolicyPredicate, &out, dsse.SignWithSigners(signer)); err != nil {
		return nil, err
	}
	r := &rules{verifier: verifier, steps: len(p.Steps)}
	return r, json.Unmarshal(out.Bytes(), &r.envelope)
}

// verify is the whole of witness' verification, its attestations found by the server and nowhere else.
func (r *rules) verify(ctx context.Context, url string, subjects []cryptoutil.DigestSet) (string, error) {
	result, err := witness.Verify(ctx, r.envelope, []cryptoutil.Verifier{r.verifier},
		witness.VerifyWithSubjectDigests(subjects),
		witness.VerifyWithCollectionSource(source.NewArchvistSource(archivista.New(url))))
	if err != nil {
		return "", err
	}
	if len(result.StepResults) != r.steps {
		return "", fmt.Errorf("expected %d steps, found %d", r.steps, len(result.StepResults))
	}
	return fmt.Sprintf("%s, %d steps", result.VerificationSummary.VerificationResult, r.steps), nil
}
