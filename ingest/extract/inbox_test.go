package extract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInboxes(t *testing.T) {
	const text = ` Verzeichnis von D:\SMS\inboxes\ccr.box

01.03.2000  10:01    <DIR>          .
01.03.2000  10:01    <DIR>          ..
01.03.2000  10:01               412 01MOLQGI.CCR
               1 Datei(en)            412 Bytes

 Verzeichnis von D:\SMS\inboxes\CCRRETRY.BOX

01.03.2000  10:01    <DIR>          .
01.03.2000  10:01    <DIR>          ..
22.02.2000  10:01               412 SPARC.CORPNT.CCR
22.02.2000  11:01               412 pc1.ab
22.02.2000  12:01               412 01MOLQGJ
22.02.2000  12:01               412 inbox.log
22.02.2000  12:01               412 pc2.example.com
               5 Datei(en)          2.060 Bytes

 Verzeichnis von D:\SMS\inboxes\ddm.box

01.03.2000  10:01    <DIR>          .
01.03.2000  10:01    <DIR>          ..
01.03.2000  10:01               412 A.CORPNT.CCR
               1 Datei(en)            412 Bytes
`
	l, problems := parseListing(input(text))
	if l == nil {
		t.Fatal(problems)
	}
	var got []string
	for _, in := range l.Inboxes() {
		got = append(got, fmt.Sprintf("%s %d others of %s", in.Name, in.Others, in.Folder.Path))
		for _, r := range in.Requests {
			got = append(got, fmt.Sprintf("%d %s %s.%s %v", r.Entry.Line, r.Entry.Name, r.Host, r.Domain, r.Bare))
		}
	}
	want := []string{
		`ccr.box 0 others of D:\SMS\inboxes\ccr.box`, "5 01MOLQGI.CCR . false",
		`ccrretry.box 2 others of D:\SMS\inboxes\CCRRETRY.BOX`, "12 SPARC.CORPNT.CCR SPARC.CORPNT false", "13 pc1.ab PC1.AB true", "14 01MOLQGJ . false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inboxes (-want +got):\n%s", diff)
	}
}
