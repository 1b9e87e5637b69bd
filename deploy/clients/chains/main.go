// Command chains takes completed TaskRuns and PipelineRuns through Tekton Chains' own reconcilers: its formatters, signer,
// storage backends and Rekor client do the work; only Kubernetes is replaced by a clientset in memory.
//
//	chains -secrets DIR [-set KEY=VALUE]... FILE...
//
// Each FILE is a run as JSON, its `kind` TaskRun or PipelineRun; a PipelineRun stands behind the TaskRuns it refers to.
// DIR and the settings are what Chains has as the secret signing-secrets and the config map chains-config. It prints one
// JSON object: `runs`, each with the annotations it ended with and the error if there was one, and `log`, what Chains said.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/tektoncd/chains/pkg/config"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/logging"
)

// result is what became of one run.
type result struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations"`
	Error       string            `json:"error,omitempty"`
}

type settings map[string]string

func (s settings) String() string { return fmt.Sprint(map[string]string(s)) }

func (s settings) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("expected KEY=VALUE, found %q", text)
	}
	s[key] = value
	return nil
}

func main() {
	set := settings{}
	secrets := flag.String("secrets", "", "the folder with x509.pem, or cosign.key and cosign.password")
	flag.Var(set, "set", "a setting of chains-config")
	flag.Parse()
	if err := run(*secrets, set, flag.Args()); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func run(secrets string, set settings, files []string) error {
	core, said := observer.New(zapcore.InfoLevel)
	ctx := logging.WithLogger(context.Background(), zap.New(core).Sugar())
	cfg, err := config.NewConfigFromConfigMap(&corev1.ConfigMap{Data: set})
	if err != nil {
		return fmt.Errorf("chains-config: %w", err)
	}
	cluster, err := newCluster(config.ToContext(ctx, cfg), secrets, *cfg)
	if err != nil {
		return err
	}
	results := []result{}
	for _, file := range files {
		done, err := cluster.reconcile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		results = append(results, done)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"runs": results, "log": lines(said)})
}

func lines(said *observer.ObservedLogs) []string {
	out := []string{}
	for _, entry := range said.All() {
		out = append(out, fmt.Sprintf("%s: %s", entry.Level, entry.Message))
	}
	return out
}
