package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"casebook/internal/docscheck"
	"casebook/internal/need"
)

// documents reads the documents of a YAML file.
func documents(t *testing.T, path string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for d := yaml.NewDecoder(bytes.NewReader(data), yaml.AllowDuplicateMapKey()); ; {
		var v map[string]any
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		case v != nil:
			out = append(out, v)
		}
	}
}

// at walks into what YAML gave; nil if there is nothing.
func at(v any, keys ...any) any {
	for _, k := range keys {
		switch x := v.(type) {
		case map[string]any:
			name, _ := k.(string)
			v = x[name]
		case []any:
			i, ok := k.(int)
			if !ok || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// words are the strings of a YAML list.
func words(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// understood fails the test unless the program knows the command line.
func understood(t *testing.T, args []string) {
	t.Helper()
	text, err := exec.Command("casebook-fleet", append(slices.Clone(args), "--help")...).CombinedOutput()
	if err != nil || !strings.Contains(string(text), "Usage:") {
		t.Errorf("casebook-fleet %q: %v: %s", args, err, text)
	}
}

// TestKubernetes holds the manifests against the program and the queue.
func TestKubernetes(t *testing.T) {
	dir := filepath.Join(docscheck.Root(t), "deploy", "kubernetes")
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) < 4 {
		t.Fatal(paths, err)
	}
	kinds := map[string]int{}
	for _, path := range paths {
		for _, d := range documents(t, path) {
			if strings.HasSuffix(path, "-values.yaml") {
				continue
			}
			kind, _ := d["kind"].(string)
			kinds[kind]++
			if at(d, "apiVersion") == nil || at(d, "metadata", "name") == nil {
				t.Errorf("%s: a %q without a version or a name", path, kind)
			}
			switch kind {
			case "Deployment":
				pod := at(d, "spec", "template", "spec")
				if at(pod, "securityContext", "runAsNonRoot") != true || at(pod, "containers", 0, "securityContext", "readOnlyRootFilesystem") != true {
					t.Errorf("%s: runs as root or can write to its root", path)
				}
				if got := at(d, "spec", "selector", "matchLabels", "app.kubernetes.io/name"); got != at(d, "spec", "template", "metadata", "labels", "app.kubernetes.io/name") {
					t.Errorf("%s: selects %v", path, got)
				}
				args := words(at(pod, "containers", 0, "args"))
				understood(t, args)
				if i := slices.Index(args, "--grace"); i >= 0 {
					grace, err := time.ParseDuration(args[i+1])
					if seconds, ok := at(pod, "terminationGracePeriodSeconds").(uint64); err != nil || !ok || time.Duration(seconds)*time.Second <= grace {
						t.Errorf("%s: is killed after %d s, before --grace %s is over, %v", path, seconds, args[i+1], err)
					}
				}
			case "ScaledObject":
				m := at(d, "spec", "triggers", 0, "metadata")
				if at(m, "stream") != "casebook-jobs" || at(m, "consumer") != "workers" {
					t.Errorf("%s: scales by %v", path, m)
				}
			}
		}
	}
	if kinds["Deployment"] != 2 || kinds["ScaledObject"] != 1 || kinds["Service"] != 1 || kinds["ConfigMap"] != 1 {
		t.Errorf("the manifests have %v", kinds)
	}
}

// TestQueueNames tells the names that the manifests rely on.
func TestQueueNames(t *testing.T) {
	f := newFleet(t, 1)
	f.must("queue", "status")
	streams := f.streams()
	if want := []string{"casebook-dead", "casebook-jobs", "casebook-results"}; !slices.Equal(streams, want) {
		t.Errorf("the streams are %q, not %q", streams, want)
	}
}

// TestCompose holds the compose file against the program.
func TestCompose(t *testing.T) {
	docs := documents(t, filepath.Join(docscheck.Root(t), "deploy", "compose.yaml"))
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	services, _ := docs[0]["services"].(map[string]any)
	for _, name := range []string{"nats", "s3", "bucket", "owner", "opensearch", "worker", "submit", "serve"} {
		if services[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	volumes, _ := docs[0]["volumes"].(map[string]any)
	for name, s := range services {
		for _, v := range words(at(s, "volumes")) {
			if from, _, _ := strings.Cut(v, ":"); !strings.HasPrefix(from, "/") {
				if _, ok := volumes[from]; !ok {
					t.Errorf("%s uses the volume %s, which there is not", name, from)
				}
			}
		}
	}
	for _, name := range []string{"worker", "serve"} {
		if at(services[name], "read_only") != true || at(services[name], "user") != "65532:65532" {
			t.Errorf("%s can write to its root, or is root", name)
		}
		understood(t, words(at(services[name], "command")))
	}
}

// TestUnits lets systemd check the units, with the program at a path where it is.
func TestUnits(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(docscheck.Root(t), "deploy", "systemd", "*.service"))
	if err != nil || len(paths) != 2 {
		t.Fatal(paths, err)
	}
	program, err := exec.LookPath("casebook-fleet")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/casebook-fleet (.*)$`)
	dir := t.TempDir()
	var units []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := command.FindSubmatch(data)
		if m == nil {
			t.Errorf("%s does not start the program", path)
			continue
		}
		understood(t, strings.Fields(string(m[1])))
		name := strings.ReplaceAll(filepath.Base(path), "@.", "@1.")
		file := strings.ReplaceAll(filepath.Base(path), "@1.", "@.")
		write(t, filepath.Join(dir, file), bytes.ReplaceAll(data, []byte("/usr/local/bin/casebook-fleet"), []byte(program)))
		units = append(units, filepath.Join(dir, name))
	}
	// What it says counts: it also fails for what else is wrong on the machine.
	text, _ := exec.Command(need.Tool(t, "systemd-analyze"), append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "casebook") {
			t.Errorf("systemd says %s", line)
		}
	}
}

// TestDockerfile checks what the image promises; that it can be built is not tried.
func TestDockerfile(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(docscheck.Root(t), "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0", "distroless/static", ":nonroot", "USER 65532", "./cmd/casebook-fleet"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the Dockerfile does not say %q", want)
		}
	}
}
