package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"casebook"
	"casebook/hive"
)

// infoJSON is what hive info says, as --json shows it.
type infoJSON struct {
	Format        string      `json:"format"`
	Kind          string      `json:"kind"`
	State         string      `json:"state"`
	Truncated     bool        `json:"truncated"`
	Header        *headerJSON `json:"header,omitempty"` // of a hive file
	Replay        *replayJSON `json:"replay,omitempty"` // where transaction logs lay beside the file
	Keys          int         `json:"keys"`
	Values        int         `json:"values"`
	DeletedKeys   int         `json:"deleted_keys"`
	DeletedValues int         `json:"deleted_values"`
	ControlSets   *setsJSON   `json:"control_sets,omitempty"`
	Problems      []string    `json:"problems"`
}

type headerJSON struct {
	Version     string `json:"version"`
	Name        string `json:"name"`
	Primary     uint32 `json:"primary_sequence"`
	Secondary   uint32 `json:"secondary_sequence"`
	LastWritten string `json:"last_written,omitempty"`
	Root        int64  `json:"root_offset"`
	Bins        int64  `json:"bins_bytes"`
	Bytes       int    `json:"file_bytes"`
	Checksum    string `json:"checksum"`
	ChecksumOK  bool   `json:"checksum_ok"`
}

type replayJSON struct {
	Entries int      `json:"entries"`
	Pages   int      `json:"pages"`
	First   uint32   `json:"first_sequence,omitempty"`
	Last    uint32   `json:"last_sequence,omitempty"`
	Unused  []string `json:"unused,omitempty"`

	RemovedKeys   int `json:"removed_keys"` // of the file alone, without the keys below them
	RemovedValues int `json:"removed_values"`
}

type setsJSON struct {
	Current       int   `json:"current"`
	Default       int   `json:"default"`
	Failed        int   `json:"failed"`
	LastKnownGood int   `json:"last_known_good"`
	Existing      []int `json:"existing"`
	Used          int   `json:"used"`
}

func (a *App) hiveInfo() *cobra.Command {
	return &cobra.Command{
		Use: "info FILE", Short: "Say what a hive or export is and what state it is in", Args: exactly(1, 1, "a file"),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := casebook.OpenHive(c.Context(), args[0])
			if err != nil {
				a.code = exitNone
				return err
			}
			info := describeHive(h)
			if a.json {
				return a.writeJSON(info)
			}
			a.printInfo(info)
			return nil
		},
	}
}

func describeHive(h *hive.Hive) infoJSON {
	i := infoJSON{Format: string(h.Format()), Kind: string(h.Kind()), State: h.State(), Truncated: h.Truncated(), Problems: []string{}}
	i.Keys, i.Values = h.Counts()
	d := h.Deleted()
	i.DeletedKeys, i.DeletedValues = len(d.Keys), len(d.Values)
	for _, k := range d.Keys {
		i.DeletedValues += len(k.Values)
	}
	if head, ok := h.Header(); ok {
		i.Header = &headerJSON{
			Version: fmt.Sprintf("%d.%d", head.Major, head.Minor), Name: head.Name, Primary: head.Primary, Secondary: head.Secondary,
			LastWritten: stamp(head.LastWritten), Root: head.Root, Bins: head.Bins, Bytes: len(h.File()),
			Checksum: fmt.Sprintf("0x%08x", head.Checksum), ChecksumOK: head.ChecksumOK,
		}
	}
	if r := h.Replay(); r.Entries > 0 || len(r.Unused) > 0 {
		gone := h.Removed()
		i.Replay = &replayJSON{r.Entries, r.Pages, r.First, r.Last, r.Unused, len(gone.Keys), len(gone.Values)}
	}
	for _, p := range h.Problems() {
		i.Problems = append(i.Problems, p.String())
	}
	var reg hive.Registry
	reg.Add("", h)
	if s, err := reg.ControlSets(); err == nil {
		i.ControlSets = &setsJSON{s.Current, s.Default, s.Failed, s.LastKnownGood, append([]int{}, s.Existing...), s.Used}
		for _, p := range s.Problems {
			i.Problems = append(i.Problems, p.String())
		}
	}
	return i
}

func (a *App) printInfo(i infoJSON) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(a.out, "%s  %s\n", pad(name, len("last known good")), printable(fmt.Sprintf(format, args...)))
	}
	row("format", "%s", i.Format)
	row("kind", "%s", i.Kind)
	row("state", "%s", i.State)
	if i.Truncated {
		row("truncated", "yes")
	}
	if h := i.Header; h != nil {
		row("version", "%s", h.Version)
		row("name", "%s", h.Name)
		row("sequence", "%d, %d", h.Primary, h.Secondary)
		row("last written", "%s", cmp.Or(h.LastWritten, "not stated"))
		row("root key", "at 0x%x", h.Root)
		row("size", "%d bytes, of which %d of bins", h.Bytes, h.Bins)
		right := "right"
		if !h.ChecksumOK {
			right = "wrong"
		}
		row("checksum", "%s, %s", h.Checksum, right)
	}
	row("keys", "%d", i.Keys)
	row("values", "%d", i.Values)
	if i.Header != nil {
		row("deleted", "%d %s and %d %s are left in free cells", i.DeletedKeys, plural(i.DeletedKeys, "key"), i.DeletedValues, plural(i.DeletedValues, "value"))
	}
	if s := i.ControlSets; s != nil {
		row("control sets", "%s", strings.Trim(fmt.Sprint(s.Existing), "[]"))
		row("current", "%d, read is %d", s.Current, s.Used)
		row("default", "%d", s.Default)
		row("failed", "%d", s.Failed)
		row("last known good", "%d", s.LastKnownGood)
	}
	if r := i.Replay; r != nil {
		if r.RemovedKeys+r.RemovedValues > 0 {
			row("removed", "%d %s and %d %s of the file alone, by its logs; 'hive ls --deleted' lists them",
				r.RemovedKeys, plural(r.RemovedKeys, "key"), r.RemovedValues, plural(r.RemovedValues, "value"))
		}
		for _, u := range i.Replay.Unused {
			row("log", "%s", u)
		}
	}
	for _, p := range i.Problems {
		row("problem", "%s", p)
	}
}
