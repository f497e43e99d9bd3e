// Command benchbundle writes a zip of realistic ConfigMgr, SMS 2.0 and Windows Installer logs, for measurements. The same size and seed give the
// same bytes.
//
//	go run ./internal/benchbundle -mb 100 -o build/bench-100.zip
//	go run ./internal/benchbundle -mb 5 -cases 50 -first 100 -o build/uploads
//
// With -cases it writes so many zips into a folder, INC0000100.zip and so on, each with a seed of its own.
//
// Numbers, GUIDs, hosts and files vary as they do in real logs: most repeat, some are unique. One line in a hundred is one that a check
// looks for.
package main

import (
	"archive/zip"
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

func main() {
	out := flag.String("o", "", "the zip to write")
	megabytes := flag.Int("mb", 100, "size of the logs, unpacked, in millions of bytes")
	seed := flag.Uint64("seed", 1, "seed of everything that varies")
	cases := flag.Int("cases", 0, "write so many zips into the folder -o")
	first := flag.Int("first", 0, "number of the first of them")
	flag.Parse()
	if *out == "" || *megabytes < 1 || *cases < 0 || *first < 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, int64(*megabytes)*1e6, *seed, *first, *cases); err != nil {
		fmt.Fprintln(os.Stderr, "benchbundle:", err)
		os.Exit(1)
	}
}

// run writes one zip, or as many as cases says into a folder.
func run(out string, size int64, seed uint64, first, cases int) error {
	if cases == 0 {
		return create(out, size, seed)
	}
	for i := first; i < first+cases; i++ {
		if err := create(filepath.Join(out, fmt.Sprintf("INC%07d.zip", i)), size, seed+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// create writes the zip aside and renames it into place, so that an interrupted run leaves no half bundle to be measured.
func create(path string, size int64, seed uint64) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f, size, seed), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// member is the unpacked size of one log in bytes; a small bundle has smaller ones, so that it has a log of each kind.
const member = 10_000_000

// write writes logs of size bytes in all to w as a zip.
func write(w io.Writer, size int64, seed uint64) error {
	g := newGenerator(seed)
	z := zip.NewWriter(w)
	most := min(member, max(size/int64(len(kinds)), 1))
	for i := 0; size > 0; i++ {
		kind := kinds[i%len(kinds)]
		entry, err := z.CreateHeader(&zip.FileHeader{
			Name: fmt.Sprintf(kind.name, i), Method: zip.Deflate, Modified: time.Date(2011, 1, 20, 10, 0, 0, 0, time.UTC),
		})
		if err != nil {
			return err
		}
		b := bufio.NewWriterSize(entry, 1<<16)
		n, err := kind.write(g, b, min(size, most))
		if err := errors.Join(err, b.Flush()); err != nil {
			return err
		}
		size -= n
	}
	return z.Close()
}

// kinds are the logs of a bundle, which take turns. Each writes at least size bytes and returns how many.
var kinds = []struct {
	name  string
	write func(g *generator, w *bufio.Writer, size int64) (int64, error)
}{
	{"logs/ccm/execmgr-%d.log", (*generator).ccm},
	{"logs/sms/ccim32-%d.log", (*generator).sms},
	{"logs/ccm/PolicyAgent-%d.log", (*generator).ccm},
	{"logs/setup/install-%d.log", (*generator).msi},
	{"logs/ccm/UpdatesHandler-%d.log", (*generator).ccm},
}

// generator makes the lines.
type generator struct {
	*rand.Rand
	guids []string // those that repeat
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	for range 500 {
		g.guids = append(g.guids, g.newGUID())
	}
	return g
}

func (g *generator) newGUID() string {
	a, b := g.Uint64(), g.Uint64()
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", uint32(a), uint16(a>>32), uint16(a>>48), uint16(b), b>>16)
}

// pick returns one of a list.
func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

var (
	components = []string{
		"execmgr", "PolicyAgent", "UpdatesHandler", "WUAHandler", "LocationServices", "ScanAgent", "CAS", "DataTransferService", "CcmExec", "StatusAgent",
	}
	programs = []string{"Office unattended", "Reader update", "Inventory", "Silent", "VPN client"}
	files    = []string{"setup.exe", "package.msi", "data1.cab", "update.msp", "readme.txt", "app.dll"}
	sites    = []string{"HQ1", "BR2", "BR3"}

	// ordinary and telling are what records say; words in braces vary.
	ordinary = []string{
		"Policy {guid} of site {site} is active, version {number}",
		"No changes since the last evaluation of {guid}",
		"Program {program} ended with exit code 0",
		"Content {site}00{number} is in the cache at C:\\Windows\\System32\\CCM\\Cache\\{site}00{number}.1.System\\{file}",
		"Job {guid} downloads {file} from {host}",
		"Management point {host}.example.com answered in {number} ms",
		"Scan {number} found {number} updates",
		"State message {number} was sent to {host}",
		"The user logged on, session {number}",
		"Evaluating assignment {guid}\r\n  target {host}\r\n  revision {number}",
	}
	telling = []string{
		"RegTask: Failed to get certificate. Error: 0x80004005",
		"Program {program} exceeded its retries, it will be run again later",
		"Update installation failed, error 0x80040669",
		"Info 1603. The file C:\\Program Files\\App\\{file} is being held in use.",
	}
)

// message returns what one record says.
func (g *generator) message() string {
	text := pick(g, ordinary)
	if g.IntN(100) == 0 {
		text = pick(g, telling)
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		word, rest, _ := strings.Cut(rest, "}")
		text = rest
		switch word {
		case "guid":
			if g.IntN(7) == 0 {
				b.WriteString(g.newGUID())
			} else {
				b.WriteString(pick(g, g.guids))
			}
		case "number":
			b.WriteString(strconv.Itoa(g.IntN(100_000)))
		case "host":
			fmt.Fprintf(&b, "WKS%04d", g.IntN(60))
		case "site":
			b.WriteString(pick(g, sites))
		case "program":
			b.WriteString(pick(g, programs))
		case "file":
			b.WriteString(pick(g, files))
		}
	}
}

// ccm writes lines of a ConfigMgr client.
func (g *generator) ccm(w *bufio.Writer, size int64) (int64, error) {
	at := time.Date(2011, 1, 3, 8, 0, 0, 0, time.UTC)
	var n int64
	for n < size {
		at = at.Add(time.Duration(g.IntN(400)) * time.Millisecond)
		k, err := fmt.Fprintf(w, "<![LOG[%s]LOG]!><time=\"%s+300\" date=\"%s\" component=\"%s\" context=\"\" type=\"%d\" thread=\"%d\" file=\"%s.cpp:%d\">\r\n",
			g.message(), at.Format("15:04:05.000"), at.Format("01-02-2006"), pick(g, components), pick(g, []int{1, 1, 1, 1, 1, 1, 2, 3}),
			1200+4*g.IntN(40), "agent", g.IntN(2000))
		if err != nil {
			return n, err
		}
		n += int64(k)
	}
	return n, nil
}

// sms writes lines of SMS 2.0.
func (g *generator) sms(w *bufio.Writer, size int64) (int64, error) {
	at := time.Date(2000, 1, 7, 8, 0, 0, 0, time.UTC)
	var n int64
	for n < size {
		at = at.Add(time.Duration(g.IntN(900)) * time.Millisecond)
		thread := 300 + g.IntN(40)
		text := strings.ReplaceAll(g.message(), "\r\n", " ")
		k, err := fmt.Fprintf(w, "%s~  $$<SMS_CLIENT_CONFIG_MANAGER><%s Eastern Standard Time><thread=%d (0x%X)>\r\n",
			text, at.Format("Mon Jan 02 15:04:05.000 2006"), thread, thread)
		if err != nil {
			return n, err
		}
		n += int64(k)
	}
	return n, nil
}

// msi writes a verbose log of Windows Installer, in UTF-16 as Windows does.
func (g *generator) msi(w *bufio.Writer, size int64) (int64, error) {
	at := time.Date(2011, 1, 8, 21, 16, 41, 0, time.UTC)
	var n int64
	line := "\uFEFF=== Verbose logging started: 1/8/2011  21:16:41  Build type: SHIP UNICODE 5.00.7600.00  Calling process: C:\\Windows\\system32\\msiexec.exe ===\r\n"
	for n < size {
		for _, unit := range utf16.Encode([]rune(line)) {
			if _, err := w.Write([]byte{byte(unit), byte(unit >> 8)}); err != nil {
				return n, err
			}
			n += 2
		}
		at = at.Add(time.Duration(g.IntN(50)) * time.Millisecond)
		prefix := fmt.Sprintf("MSI (s) (%02X:%02X) [%s]: ", g.IntN(256), g.IntN(256), at.Format("15:04:05:000"))
		switch g.IntN(4) {
		case 0:
			line = fmt.Sprintf("%sExecuting op: FileCopy(SourceName=%s,DestName=%s,Attributes=16384,FileSize=%d,Version=%d.0.%d.0,Language=1033)\r\n",
				prefix, pick(g, files), pick(g, files), g.IntN(1_000_000), g.IntN(9), g.IntN(9999))
		case 1:
			line = fmt.Sprintf("%sComponent: {%s}; Installed: Absent;   Request: Local;   Action: Local\r\n", prefix, g.newGUID())
		case 2:
			line = fmt.Sprintf("%sPROPERTY CHANGE: Adding INSTALLDIR property. Its value is 'C:\\Program Files\\App%d\\'.\r\n", prefix, g.IntN(90))
		default:
			line = prefix + "Note: 1: 2205 2:  3: Error \r\n"
		}
	}
	return n, nil
}
