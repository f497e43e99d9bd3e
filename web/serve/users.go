package serve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"casebook/index"
	"casebook/internal/safeio"
)

// Users say who may see which cases, by the cases' labels. nil lets everybody see all.
type Users struct {
	scopes map[string]index.Scope // by user, or @team; nil for all cases
	teams  map[string][]string    // the teams of a user
}

// ReadUsers reads a file of users. Its lines are of these forms, in any order; an empty line and one that begins with # say nothing:
//
//	anna: *                           sees all cases
//	ben: customer=Contoso             sees the cases with this label
//	ben: customer=Fabrikam, site=W02  and those that have both of these
//	@north: customer=Northwind        the same for all of a team
//	team north: carla, dora           who is in the team
//
// Whom no line names sees nothing.
func ReadUsers(path string) (*Users, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	u, err := parseUsers(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("users: %q: %w", path, err)
	}
	return u, nil
}

func parseUsers(r io.Reader) (*Users, error) {
	u := &Users{scopes: map[string]index.Scope{}, teams: map[string][]string{}}
	sc := bufio.NewScanner(io.LimitReader(r, maxFile))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, list, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("line %d: not of the form user: label=value", n)
		}
		if team, ok := strings.CutPrefix(name, "team "); ok {
			for member := range strings.SplitSeq(list, ",") {
				if member = strings.TrimSpace(member); member != "" {
					u.teams[member] = append(u.teams[member], "@"+strings.TrimSpace(team))
				}
			}
			continue
		}
		before, seen := u.scopes[name]
		if strings.TrimSpace(list) == "*" {
			u.scopes[name] = nil
			continue
		}
		labels := index.Labels{}
		for one := range strings.SplitSeq(list, ",") {
			label, value, ok := strings.Cut(strings.TrimSpace(one), "=")
			label, value = strings.TrimSpace(label), strings.TrimSpace(value)
			if !ok || label == "" || value == "" {
				return nil, fmt.Errorf("line %d: %s is not of the form label=value", n, safeio.Quote(one))
			}
			labels = labels.Add(index.Labels{label: {value}})
		}
		if seen && before == nil { // sees everything already
			continue
		}
		u.scopes[name] = append(before, labels)
	}
	if err := sc.Err(); err != nil {
		return nil, err
	}
	for _, member := range slices.Sorted(maps.Keys(u.teams)) {
		for _, team := range u.teams[member] {
			if _, ok := u.scopes[team]; !ok {
				return nil, fmt.Errorf("no line says what %s sees, of which %s is a member", team, safeio.Quote(member))
			}
		}
	}
	return u, nil
}

// Scope is what a user may see.
func (u *Users) Scope(name string) index.Scope {
	if u == nil {
		return nil
	}
	out := index.Scope{}
	own := ""
	if !strings.HasPrefix(name, "@") { // a user can't call themselves a team
		own = name
	}
	for _, n := range append([]string{own}, u.teams[name]...) {
		scope, ok := u.scopes[n]
		if ok && scope == nil {
			return nil
		}
		out = append(out, scope...)
	}
	return out
}
