package pack

import (
	"strconv"

	"cel.dev/cel-go/common/types"

	"casebook/findings/facts"
)

// systemSchema is what expressions can ask of the system at hand.
func (c *compiler) systemSchema() *schema {
	s := &schema{name: "system", fields: map[string]*types.Type{
		"id": types.StringType, "host": types.StringType, "windows": types.StringType, "service_pack": types.StringType,
		"major": types.IntType, "minor": types.IntType, "build": types.IntType, "known": types.BoolType,
	}}
	c.check.schemas[s.name] = s
	return s
}

// system is the system at hand as an expression sees it; the numbers of its Windows are 0 where the registry does not state them.
func (c *check) system(f *facts.Facts) *object {
	s := c.schemas["system"]
	o := s.zero(c.schemas)
	o.values["id"], o.values["host"] = f.ID, f.Host
	if p, err := f.Registry.Product(); err == nil {
		o.values["known"], o.values["windows"], o.values["service_pack"] = true, p.Name, p.ServicePack
		o.values["major"], o.values["minor"] = int64(p.Major), int64(p.Minor)
		if n, err := strconv.ParseInt(p.Build, 10, 32); err == nil {
			o.values["build"] = n
		}
	}
	return o
}
