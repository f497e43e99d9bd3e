package pack_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casebook"
	"casebook/findings/checks"
	"casebook/findings/pack"
)

// generatedPack is a pack with so many signals, ten in a check, whose phrases share words with each other and with logs.
func generatedPack(signals int) []byte {
	verbs := []string{"get", "find", "open", "download", "install", "replace", "register", "connect to", "verify", "load", "copy", "refresh"}
	nouns := []string{
		"certificate", "management point", "policy", "site code", "content location", "cached package", "service", "registry key", "update source", "distribution point", "provider",
		"configuration item", "cache folder", "machine key", "program", "scan results", "boundary group", "lock file", "mount point", "inventory report",
	}
	forms := []string{"Failed to %s the %s", "Unable to %s %s", "Could not %s %s, will retry", "Error while trying to %s %s", "Attempt to %s %s was refused"}
	var b strings.Builder
	b.WriteString("schema: casebook.pack/1\nchecks:\n")
	for i := range signals {
		if i%10 == 0 {
			fmt.Fprintf(&b, `  - id: generated-%d
    title: A generated check
    severity: low
    product: {name: a log, kinds: [log/ccm]}
    needs: [{kinds: [log/ccm], what: a log, why: it is read, collect: copy a.log}]
    cause: None.
    remedy: [None.]
    verdicts:
      - {when: s%d.any, verdict: confirmed, summary: "${s%d.count} lines, the last with ${s%d.last.code}"}
      - {verdict: ruled-out, summary: No such line.}
    signals:
`, i/10, i, i, i)
		}
		k := i * 1009 % (len(verbs) * len(nouns) * len(forms))
		phrase := fmt.Sprintf(forms[k%len(forms)], verbs[k/len(forms)%len(verbs)], nouns[k/len(forms)/len(verbs)])
		fmt.Fprintf(&b, "      - {id: s%d, kinds: [log/ccm, log/sms, log/msi], literals: [%q], pattern: '%s.*?(?P<code>0x[0-9a-fA-F]{8})'}\n", i, phrase, phrase)
	}
	return []byte(b.String())
}

// BenchmarkPass measures a whole analysis, without an index, with casebook's own checks alone and with a thousand signals of packs more. The second may
// take at most one and a half times as long as the first.
func BenchmarkPass(b *testing.B) {
	dir := b.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var log bytes.Buffer
	lines := []string{
		"Evaluation not required. No changes detected.", "CTM job {%08X-0000-4000-8000-%012X} entered phase CCM_DOWNLOADSTATUS_DOWNLOADING_DATA",
		"Execution is complete for program Silent %d. The exit code is %d, the execution status is Success", "Persisting location services for WKS%d, record %d",
		"Retrieved %d MP Records from AD for site %d", "Update (Site_{%08X}/SUM_%08X) added to the targeted list of deployment", "Failed to get certificate %d. Error: 0x%08X",
	}
	for i := 0; log.Len() < 32<<20; i++ {
		text := lines[r.IntN(len(lines))]
		if strings.Contains(text, "%") {
			text = fmt.Sprintf(text, r.IntN(1<<20), r.IntN(1<<20))
		}
		if i%1000 == 0 {
			text = "Unable to download policy, error 0x80070005"
		}
		fmt.Fprintf(&log, "<![LOG[%s]LOG]!><time=\"%02d:%02d:%02d.%03d+300\" date=\"01-%02d-2011\" component=\"execmgr\" context=\"\" type=\"1\" thread=\"%d\" file=\"execmgr.cpp:%d\">\r\n",
			text, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), 1+r.IntN(28), 1200+r.IntN(40), r.IntN(2000))
	}
	for _, name := range []string{"execmgr.log", "CAS.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), log.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{0, 1000} {
		b.Run(fmt.Sprint("pack-signals-", n), func(b *testing.B) {
			all := checks.All()
			if n > 0 {
				p, err := pack.Parse("generated.yaml", generatedPack(n))
				if err != nil {
					b.Fatal(err)
				}
				if all, err = pack.Join(all, p); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(2 * int64(log.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := casebook.Analyze(context.Background(), []string{dir}, casebook.Options{Checks: all}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
