package findings_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings"
	"casebook/ingest"
)

// TestCutShort tells what is missing of archives that are cut short, and asks for them first.
func TestCutShort(t *testing.T) {
	cut := func(path string, known ingest.Cut) ingest.Problem {
		return ingest.Problem{Artifact: path, Stage: ingest.StageOpen, Message: "cut short", Cut: known}
	}
	file := func(path string, bytes int64, truncated bool) findings.Artifact {
		return findings.Artifact{Path: path, Bytes: bytes, Truncated: truncated, Kind: ingest.KindText}
	}
	tests := []struct {
		name   string
		report findings.Report
		want   []string // the sentences
		asked  []string // the first words of the request's items
		text   string   // in the request
	}{
		{name: "whole", report: findings.Report{Bundle: &findings.Upload{Name: "t.zip"}, Problems: []ingest.Problem{{Stage: ingest.StageRead, Message: "damaged"}}}},
		{
			name: "without-a-directory",
			report: findings.Report{
				Bundle: &findings.Upload{Name: "t.zip", Bytes: 3000}, Problems: []ingest.Problem{cut("", ingest.CutUnlisted)},
				Artifacts: []findings.Artifact{file("PC/a.log", 5, false), file("PC/b.log", 5, true)},
			},
			want:  []string{"The upload t.zip is cut short, and files of it are missing: 1 file is there, 1 more only in part (PC/b.log); how many there were is not known."},
			asked: []string{"the archive t.zip once more, complete"},
			text:  "1 more only in part (b.log)",
		},
		{
			name: "with-a-directory",
			report: findings.Report{
				Bundle: &findings.Upload{Name: "t.zip", Bytes: 3000}, Problems: []ingest.Problem{cut("", ingest.CutListed)},
				Artifacts: []findings.Artifact{file("PC/a.log", 5, false), file("PC/b.log", 0, true), file("PC/c.log", 0, true), file("PC/d.log", 0, false)},
			},
			want:  []string{"The upload t.zip is cut short, and files of it are missing: 2 of 4 files are there; missing: PC/b.log, PC/c.log."},
			asked: []string{"the archive t.zip once more, complete"},
			text:  "2 of 4 files are there; missing: b.log, c.log",
		},
		{
			name: "nothing-is-there",
			report: findings.Report{
				Bundle: &findings.Upload{Name: "t.7z"}, Problems: []ingest.Problem{cut("", ingest.CutUnlisted)},
			},
			want:  []string{"The upload t.7z is cut short, and files of it are missing: no file of it can be read."},
			asked: []string{"the archive t.7z once more, complete"},
			text:  "we need the whole of it",
		},
		{
			name: "one-within-another-and-one-of-two",
			report: findings.Report{
				Bundles: []findings.Upload{{Name: "a.zip"}, {Name: "b.rar"}}, Problems: []ingest.Problem{cut("a.zip/x/in.zip", ingest.CutUnlisted), cut("b.rar", ingest.CutUnlisted)},
				Artifacts: []findings.Artifact{
					file("a.zip/y.log", 5, false), {Path: "a.zip/x/in.zip", Kind: ingest.KindArchive, Bytes: 9, Truncated: true}, file("a.zip/x/in.zip/l.log", 5, false), file("b.rar/m.log", 1, false),
				},
			},
			want: []string{
				"The upload b.rar is cut short, and files of it are missing: 1 file is there; how many there were is not known.",
				"The archive in.zip in the upload is cut short, and files of it are missing: 1 file is there; how many there were is not known.",
			},
			asked: []string{"the archive b.rar once more, complete", "the archive in.zip once more, complete, which lies in a.zip"},
			text:  "in.zip (9 bytes arrived",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := tt.report.CutShort()
			var got, asked []string
			for _, c := range list {
				got = append(got, c.Sentence())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("sentences differ (-want +got):\n%s", diff)
			}
			r := findings.MakeRequest([]findings.Finding{
				asks("a", findings.Suspected, findings.High, "", want(1)), asks("b", findings.NotEvaluated, findings.High, "", want(2)),
			}, nil, list)
			for _, it := range r.Items {
				asked = append(asked, it.What)
			}
			tt.asked = append(tt.asked, "thing 1") // what only rules out is asked for when the archive is whole
			if len(list) == 0 {
				tt.asked = append(tt.asked, "thing 2")
			}
			if diff := cmp.Diff(tt.asked, asked); diff != "" {
				t.Errorf("items differ (-want +got):\n%s", diff)
			}
			if only := findings.MakeRequest(nil, nil, list); !strings.Contains(only.Text, tt.text) {
				t.Errorf("the text has no %q:\n%s", tt.text, only.Text)
			}
			if slices.ContainsFunc(r.Items, func(it findings.RequestItem) bool { return it.Settles == nil }) {
				t.Error("an item settles nil")
			}
		})
	}
}
