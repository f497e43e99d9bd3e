package index

import (
	"bytes"
	"encoding/json"
	"fmt"

	"casebook/findings"
	"casebook/index/query"
)

// The file "findings.json" is an array with one finding in a line, so that one can be decoded without the others: most searches for findings are answered by a few
// of their fields.
const (
	findingsBegin = "[\n"
	findingsEnd   = "\n]"
	findingsStep  = ",\n"
	findingsRest  = `,"state":` // begins what no head holds; a string can't hold it, since its quotes would be escaped
)

// packFindings writes the findings of a case.
func packFindings(list []findings.Finding) ([]byte, error) {
	lines := make([][]byte, len(list))
	for i := range list {
		var err error
		if lines[i], err = json.Marshal(&list[i]); err != nil {
			return nil, err
		}
	}
	return fmt.Appendf(nil, "%s%s%s", findingsBegin, bytes.Join(lines, []byte(findingsStep)), findingsEnd), nil
}

// packed reads the findings of a case without decoding them.
func (c *openCase) packed() ([]json.RawMessage, error) {
	if c.meta.Findings == 0 {
		return nil, nil
	}
	b, err := readFile(c.dir, fileFindings)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	inner, begins := bytes.CutPrefix(b, []byte(findingsBegin))
	if inner, ends := bytes.CutSuffix(inner, []byte(findingsEnd)); begins && ends {
		for line := range bytes.SplitSeq(inner, []byte(findingsStep)) {
			list = append(list, line)
		}
	} else if err := json.Unmarshal(b, &list); err != nil { // as earlier versions wrote it
		return nil, damagedFindings(err)
	}
	return list, nil
}

func damagedFindings(err error) error { return fmt.Errorf("%s is damaged: %w", fileFindings, err) }

// findings reads the case's findings.
func (c *openCase) findings() ([]findings.Finding, error) {
	list, err := c.packed()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := make([]findings.Finding, len(list))
	for i, text := range list {
		if err := json.Unmarshal(text, &out[i]); err != nil {
			return nil, damagedFindings(err)
		}
	}
	return out, nil
}

// scanFindings passes the places of the findings that match to found, until found returns false; then more is false.
func (s *run) scanFindings(c *openCase, found func(place, *source) bool) (more bool, err error) {
	list, err := c.packed()
	if err != nil {
		return false, err
	}
	for i, text := range list {
		if head, ok := headOf(text); ok && judge(s.open, func(n query.Node) tri { return headLeaf(n, s.live, &head, false) }) == no {
			continue
		}
		f := &findings.Finding{}
		if err := json.Unmarshal(text, f); err != nil {
			return false, damagedFindings(err)
		}
		if judge(s.open, func(n query.Node) tri { return findingLeaf(n, s.live, f) }) == yes && !found(findingPlace(i), &source{finding: f}) {
			return false, nil
		}
	}
	return true, nil
}

// headOf decodes the first fields of a finding: its check, subject, system, verdict and severity. ok is false if it does not begin with them.
func headOf(text []byte) (head findings.Finding, ok bool) {
	first, _, ok := bytes.Cut(text, []byte(findingsRest))
	if !ok {
		return head, false
	}
	err := json.Unmarshal(append(bytes.Clone(first), '}'), &head)
	return head, err == nil
}

// headLeaf answers what the head of a finding decides. located says that it has the evidence by which the finding is located, if there is one.
func headLeaf(n query.Node, live *liveCase, head *findings.Finding, located bool) tri {
	switch n := n.(type) {
	case query.Text, query.Code:
		return maybe
	case query.Number:
		if n.Name == query.Line {
			return maybe
		}
	case query.Field:
		if n.Name == query.Key || n.Name == query.Value || n.Name == query.File && !located {
			return maybe
		}
	}
	return findingLeaf(n, live, head)
}
