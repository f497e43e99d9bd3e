package index

import "fmt"

// How a case is called.
const (
	shortID   = 12 // digits of a SHA-256, by which commands and searches find the case too
	maxInName = 2  // uploads that a name tells of
)

// ShortID is an ID as people are shown it: one that was given in full, of a SHA-256 the first twelve digits.
func ShortID(id string) string {
	if isSum(id) {
		return id[:shortID]
	}
	return id
}

// Called says what people call the case: by the ID where one was given, else by its uploads. behind is what tells more where there is room: the names of the uploads, or [ShortID];
// "" if there is nothing. Both may hold what an upload's sender wrote.
func (c *Case) Called() (name, behind string) {
	uploads := ""
	for i, u := range c.Uploads {
		switch {
		case u.Name == "":
		case uploads == "":
			uploads = u.Name
		case i < maxInName:
			uploads += ", " + u.Name
		}
	}
	if n := len(c.Uploads); n > maxInName && uploads != "" {
		uploads = fmt.Sprintf("%s and %d more", uploads, n-maxInName)
	}
	if !isSum(c.ID) || uploads == "" {
		return ShortID(c.ID), uploads
	}
	return uploads, ShortID(c.ID)
}

// UploadNames lists the names of the case's uploads.
func (c *Case) UploadNames() []string {
	names := make([]string, len(c.Uploads))
	for i, u := range c.Uploads {
		names[i] = u.Name
	}
	return names
}
