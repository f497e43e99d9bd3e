package checks

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"casebook/findings/facts"
	"casebook/hive"
)

func TestMessagePaths(t *testing.T) {
	const dll, temp = `D:\Program Files (x86)\Novell\ZENworks\bin\Novell.Zenworks.Core.dll`, `C:\Config.Msi\3f1a2.rbf`
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"english-rename":   {" Scheduling reboot operation: Renaming file " + temp + " to " + dll + ". Must reboot to complete operation.", []string{temp, dll}},
		"english-in-use":   {" The file " + dll + " is being held in use by the following process: Name: a, Id: 1844, Window Title: 'x.y z'. Close", []string{dll}},
		"english-delete":   {" Scheduling reboot operation: Deleting file " + temp + ". Must reboot to complete operation.", []string{temp}},
		"german-rename":    {" Neustartvorgang wird geplant: Datei " + temp + " wird in " + dll + " umbenannt. Ein Neustart ist erforderlich.", []string{temp, dll}},
		"french-rename":    {" Planification du redémarrage : changement de nom du fichier " + temp + " en " + dll + ". Vous devez redémarrer.", []string{temp, dll}},
		"russian-rename":   {" Планирование перезагрузки: переименование файла " + temp + " в " + dll + ". Необходима перезагрузка.", []string{temp, dll}},
		"japanese-rename":  {"ファイル " + temp + " の名前を " + dll + " に変更します。", []string{temp, dll}},
		"japanese-closely": {"ファイル" + temp + "の名前を" + dll + "に変更します。", []string{temp, dll}},
		"quoted":           {` "` + temp + `" -> "` + dll + `"`, []string{temp, dll}},
		"no-extension":     {` file C:\a\LICENSE to C:\b\LICENSE. Must`, []string{`C:\a\LICENSE`, `C:\b\LICENSE`}},
		"blank-in-name":    {` file C:\a\Read me.txt to C:\b\Read me.txt.`, []string{`C:\a\Read me.txt`, `C:\b\Read me.txt`}},
		"slashes":          {` file c:/a/x.dll to D:/b/x.dll.`, []string{`c:\a\x.dll`, `D:\b\x.dll`}},
		"folder":           {` folder C:\a\ `, nil},
		"none":             {` nothing`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, messagePaths(tt.text)); diff != "" {
				t.Errorf("paths differ (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzMessagePaths(f *testing.F) {
	f.Add(` Renaming file C:\a\b.rbf to D:\c\d.dll. Must reboot`)
	f.Add(`C:\C:\C:/`)
	f.Fuzz(func(t *testing.T, s string) {
		got := messagePaths(s)
		if len(got) > 2 {
			t.Errorf("%d paths in %q", len(got), s)
		}
		for _, p := range got {
			if p == "" || len(p) > len(s)+1 || strings.ContainsAny(p, "/") {
				t.Errorf("path %q in %q", p, s)
			}
		}
	})
}

// TestVolumesCircle follows links that lead back to themselves.
func TestVolumesCircle(t *testing.T) {
	v := newVolumes(&facts.Facts{Registry: &hive.Registry{}})
	v.links = []link{
		{volume: "C:", rel: "a", to: location{volume: "D:", rel: "b"}},
		{volume: "D:", rel: "b", to: location{volume: "C:", rel: "a"}},
	}
	if got := v.locate(`C:\a\x`); got.volume != "" {
		t.Errorf("a circle leads to %q", got.volume)
	}
	if c := v.compare(`C:\a\x.dll`, `C:\t\y.dll`); c.relation != relationOpen {
		t.Errorf("the relation is %d, want it open", c.relation)
	}
}
