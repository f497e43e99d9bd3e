package cli

import (
	"fmt"

	"casebook/hive"
)

// deletedJSON is what hive ls --deleted says, as --json shows it.
type deletedJSON struct {
	Keys   []deletedKeyJSON   `json:"keys"`
	Values []deletedValueJSON `json:"values"` // those of no deleted key

	// What the hive file alone holds and its transaction logs remove.
	RemovedKeys   []removedKeyJSON   `json:"removed_keys"` // without the keys below them
	RemovedValues []removedValueJSON `json:"removed_values"`
}

type removedKeyJSON struct {
	Path        string `json:"path"`
	LastWritten string `json:"last_written"`
}

type removedValueJSON struct {
	Key string `json:"key"`

	valueJSON
}

type deletedKeyJSON struct {
	Path        string             `json:"path"`
	LastWritten string             `json:"last_written"`
	Offset      int64              `json:"offset"`
	Lost        bool               `json:"lost"` // not deleted: a damaged list does not name it
	Values      []deletedValueJSON `json:"values"`
}

type deletedValueJSON struct {
	valueJSON

	Offset    int64 `json:"offset"`
	Lost      bool  `json:"lost"`
	Truncated bool  `json:"truncated"`
}

func asDeleted(list []hive.DeletedValue) []deletedValueJSON {
	out := []deletedValueJSON{}
	for _, v := range list {
		out = append(out, deletedValueJSON{asValue(v.Value), v.Offset, v.InUse, v.Truncated})
	}
	return out
}

// listDeleted prints what is left of deleted keys and values.
func (a *App) listDeleted(h *hive.Hive) error {
	d, gone := h.Deleted(), h.Removed()
	if a.json {
		out := deletedJSON{Keys: []deletedKeyJSON{}, Values: asDeleted(d.Values), RemovedKeys: []removedKeyJSON{}, RemovedValues: []removedValueJSON{}}
		for _, k := range gone.Keys {
			out.RemovedKeys = append(out.RemovedKeys, removedKeyJSON{k.Path(), stamp(k.LastWritten())})
		}
		for _, v := range gone.Values {
			out.RemovedValues = append(out.RemovedValues, removedValueJSON{v.Key.Path(), asValue(v.Value)})
		}
		for _, k := range d.Keys {
			out.Keys = append(out.Keys, deletedKeyJSON{k.Path, stamp(k.LastWritten), k.Offset, k.InUse, asDeleted(k.Values)})
		}
		return a.writeJSON(out)
	}
	p := a.paint()
	for _, k := range d.Keys {
		fmt.Fprintf(a.out, "%s  0x%x  %s%s\n", stamp(k.LastWritten), k.Offset, p.bold(printable(k.Path)+`\`), lostWord(k.InUse))
		a.printDeleted(k.Values)
	}
	if len(d.Values) > 0 {
		fmt.Fprintln(a.out, "values of which the key is gone")
		a.printDeleted(d.Values)
	}
	if len(gone.Keys)+len(gone.Values) > 0 {
		fmt.Fprintln(a.out, "held by the file alone, removed by its transaction logs")
	}
	for _, k := range gone.Keys {
		fmt.Fprintf(a.out, "    %s  %s\n", stamp(k.LastWritten()), p.bold(printable(k.Path())+`\`))
	}
	w := a.page()
	for _, v := range gone.Values {
		start := fmt.Sprintf("    %s  %s  %s  ", p.bold(printable(v.Key.Path())+`\`), valueName(v.Value), v.Value.Type)
		w.line(start, clipped(dataText(v.Value), max(w.width-columns(start), minData)))
	}
	return nil
}

func (a *App) printDeleted(list []hive.DeletedValue) {
	w := a.page()
	for _, v := range list {
		cut := ""
		if v.Truncated {
			cut = " (not all of its data is left)"
		}
		start := fmt.Sprintf("    0x%x  %s%s%s  %s  ", v.Offset, valueName(v.Value), lostWord(v.InUse), cut, v.Type)
		w.line(start, clipped(dataText(v.Value), max(w.width-columns(start), minData)))
	}
}

func lostWord(lost bool) string {
	if lost {
		return " (lost by a damaged list)"
	}
	return ""
}
