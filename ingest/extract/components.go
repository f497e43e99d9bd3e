package extract

// Component versions of SMS and Configuration Manager clients: the classes SMS_ADVANCED_CLIENT_STATE of the site and CCM_InstalledComponent of
// the client (root\ccm), as people export them. Any table will do that has a column of component names and one of versions, or a column for
// each component:
//
//	Netbios_Name0,Name0,Version0          Name                 Version          instance of CCM_InstalledComponent
//	PC1,CcmFramework,4.00.6487.2000       -------------------- ---------------  {
//	                                      SmsInventory         4.00.6487.2161       Name = "CcmFramework";
//	                                                                                Version = "4.00.6487.2000";
//	Computer;CcmFramework;SmsInventory                                          };
//	PC1;4.00.6487.2000;4.00.6487.2161
//
// The components' names are identifiers (Ccm… and Sms…) and never translated, and the versions of these products have a form of their own:
// 2.00.1493.2009, 4.00.6487.2157, 5.00.9068.1000. The columns are told by them, not by their heads, which people translate; by its head is
// told only which column names the computer.

import (
	"regexp"
	"slices"

	"casebook/ingest"
)

// Components is a table of component versions.
type Components struct {
	Versions []ComponentVersion // in the order of the text
}

// ComponentVersion is a component with its version.
type ComponentVersion struct {
	Host    string    // as written, "" if the table names none
	Name    string    // as written, for example CcmFramework
	Version string    // as written, for example 4.00.6487.2157
	Numbers [4]uint32 // the same as numbers, so that 4.00 and 4.0 are equal; 0 where the text has fewer
	Parts   int       // how many numbers the text has, 3 or 4
	Line    int       // of the version
}

var (
	componentName    = regexp.MustCompile(`^(?i:ccm|sms)[A-Za-z0-9]{3,60}$`)
	componentVersion = regexp.MustCompile(`^[245]\.0{1,2}\.\d{4,5}\.\d{1,5}$`)
	anyVersion       = regexp.MustCompile(`^\d{1,5}\.\d{1,5}\.\d{1,5}(?:\.\d{1,5})?$`)
)

// hostHeads are the heads of columns that name a computer, as plainName makes them: the names of WMI, SQL views, PowerShell and wmic, and what
// people write.
var hostHeads = []string{
	"netbiosname0", "netbiosname", "name0machine", "pscomputername", "server", "systemname", "systemname0", "machinename", "machinename0", "machine", "computername", "computername0",
	"computer", "node", "csname", "hostname", "host", "resourcename", "dnshostname", "system", "client", "rechner", "rechnername", "ordinateur", "equipo", "počítač", "компьютер", "コンピューター",
}

func components() ingest.Extractor {
	return ingest.Extractor{Kind: ingest.KindComponents, Sniff: sniffComponents, Extract: func(in ingest.Input) (any, []ingest.Problem) {
		c, cut := parseComponents(in.Lines)
		var problems []ingest.Problem
		if cut > 0 {
			problems = append(problems, problem(in, "line %d: the first %d rows and versions are kept", cut, maxEntries))
		}
		if len(c.Versions) == 0 {
			return nil, problems
		}
		return c, problems
	}}
}

func sniffComponents(_ string, head []byte) int {
	lines := sample(head)
	if len(lines) == 0 || slices.ContainsFunc(lines, iniSection.MatchString) { // an ini file states the version of its own product
		return 0
	}
	if c, _ := parseComponents(lines); len(c.Versions) > 0 {
		return 80
	}
	return 0
}

// parseComponents reads all tables of component versions, and the line at which there were too many, 0 if there were not.
func parseComponents(lines []string) (*Components, int) {
	c := &Components{}
	tables, cut := readTables(lines)
	for i := range tables {
		t := &tables[i]
		if !c.narrow(t) {
			c.wide(t)
		}
		if len(c.Versions) > maxEntries {
			cut = c.Versions[maxEntries].Line
			c.Versions = c.Versions[:maxEntries]
			break
		}
	}
	return c, cut
}

// narrow reads a table with a row for each component, and reports whether it is one.
func (c *Components) narrow(t *table) bool {
	rows := t.all()
	name, version := t.column(rows, componentName), t.column(rows, componentVersion)
	if version < 0 {
		version = t.column(rows, anyVersion)
	}
	if version >= 0 && name < 0 {
		// SMS 2.0 has components with blanks in their names. Sites and packages have versions of this form too, so that the head has to say it.
		name = t.find("component", "componentname", "component0", "componentname0", "komponente", "composant", "componente", "součást", "компонент")
		if name < 0 || t.column(rows, componentVersion) != version {
			return false
		}
	}
	if name < 0 || version < 0 || name == version {
		return false
	}
	host := c.hostColumn(t, name, version)
	for i := range rows {
		r := &rows[i]
		n, v := unquote(r.cell(name)), unquote(r.cell(version))
		if n == "" || !anyVersion.MatchString(v) {
			continue
		}
		c.add(unquote(r.cell(host)), n, v, r.line(version))
	}
	return true
}

// hostColumn returns the column that names the computer, -1 if there is none.
func (c *Components) hostColumn(t *table, but ...int) int {
	for i, h := range t.Head {
		if !slices.Contains(but, i) && slices.Contains(hostHeads, plainName(h)) {
			return i
		}
	}
	return -1
}

// wide reads a table with a column for each component.
func (c *Components) wide(t *table) {
	var cols []int
	for i, h := range t.Head {
		if componentName.MatchString(unquote(h)) {
			cols = append(cols, i)
		}
	}
	if len(cols) == 0 {
		return
	}
	host := c.hostColumn(t, cols...)
	if host < 0 && !slices.Contains(cols, 0) && !t.List {
		host = 0
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		for _, col := range cols {
			if v := unquote(r.cell(col)); anyVersion.MatchString(v) {
				c.add(unquote(r.cell(host)), unquote(t.Head[col]), v, r.line(col))
			}
		}
	}
}

// add keeps a version.
func (c *Components) add(host, name, text string, line int) {
	if len(c.Versions) > maxEntries {
		return
	}
	v := compverVersion(CompverKey{}, text)
	c.Versions = append(c.Versions, ComponentVersion{Host: host, Name: name, Version: text, Numbers: v.Numbers, Parts: v.Parts, Line: line})
}
