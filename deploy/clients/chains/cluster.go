package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/tektoncd/chains/pkg/chains"
	_ "github.com/tektoncd/chains/pkg/chains/formats/all"
	"github.com/tektoncd/chains/pkg/chains/storage"
	"github.com/tektoncd/chains/pkg/config"
	"github.com/tektoncd/chains/pkg/reconciler/pipelinerun"
	"github.com/tektoncd/chains/pkg/reconciler/taskrun"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/client/clientset/versioned/fake"
	listers "github.com/tektoncd/pipeline/pkg/client/listers/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
)

const namespace = "interop"

// cluster is what Chains sees of Kubernetes: runs in memory, and its own reconcilers for them.
type cluster struct {
	ctx          context.Context
	runs         *fake.Clientset
	known        cache.Indexer
	taskRuns     *taskrun.Reconciler
	pipelineRuns *pipelinerun.Reconciler
}

func newCluster(ctx context.Context, secrets string, cfg config.Config) (*cluster, error) {
	runs := fake.NewSimpleClientset()
	backends, err := storage.InitializeBackends(ctx, runs, kubefake.NewSimpleClientset(), cfg)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	signer := &chains.ObjectSigner{Backends: backends, SecretPath: secrets, Pipelineclientset: runs}
	known := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	return &cluster{
		ctx: ctx, runs: runs, known: known,
		taskRuns: &taskrun.Reconciler{TaskRunSigner: signer, Pipelineclientset: runs},
		pipelineRuns: &pipelinerun.Reconciler{
			PipelineRunSigner: signer, Pipelineclientset: runs, TaskRunLister: listers.NewTaskRunLister(known),
		},
	}, nil
}

// reconcile does with a completed run what Chains' controller does once.
func (c *cluster) reconcile(file string) (result, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return result{}, err
	}
	var kind metav1.TypeMeta
	if err := json.Unmarshal(data, &kind); err != nil {
		return result{}, err
	}
	switch kind.Kind {
	case "TaskRun":
		return c.taskRun(data)
	case "PipelineRun":
		return c.pipelineRun(data)
	}
	return result{}, fmt.Errorf("expected a TaskRun or a PipelineRun, found %q", kind.Kind)
}

func (c *cluster) taskRun(data []byte) (result, error) {
	var run v1.TaskRun
	if err := json.Unmarshal(data, &run); err != nil {
		return result{}, err
	}
	run.Namespace = namespace
	api := c.runs.TektonV1().TaskRuns(namespace)
	if _, err := api.Create(c.ctx, &run, metav1.CreateOptions{}); err != nil {
		return result{}, err
	}
	failed := c.taskRuns.ReconcileKind(c.ctx, &run)
	after, err := api.Get(c.ctx, run.Name, metav1.GetOptions{})
	if err != nil {
		return result{}, err
	}
	// A PipelineRun is signed once its TaskRuns are, as the lister shows them.
	if err := c.known.Add(after); err != nil {
		return result{}, err
	}
	return ended(run.Name, after.Annotations, failed), nil
}

func (c *cluster) pipelineRun(data []byte) (result, error) {
	var run v1.PipelineRun
	if err := json.Unmarshal(data, &run); err != nil {
		return result{}, err
	}
	run.Namespace = namespace
	api := c.runs.TektonV1().PipelineRuns(namespace)
	if _, err := api.Create(c.ctx, &run, metav1.CreateOptions{}); err != nil {
		return result{}, err
	}
	failed := c.pipelineRuns.ReconcileKind(c.ctx, &run)
	after, err := api.Get(c.ctx, run.Name, metav1.GetOptions{})
	if err != nil {
		return result{}, err
	}
	return ended(run.Name, after.Annotations, failed), nil
}

func ended(name string, annotations map[string]string, failed error) result {
	done := result{Name: name, Annotations: annotations}
	if failed != nil {
		done.Error = failed.Error()
	}
	return done
}
