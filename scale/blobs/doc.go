// Package blobs keeps files in object storage: uploads under their SHA-256, and what was made of them.
//
// A bucket is named by its URL: file:///srv/uploads, s3://bucket/prefix, gs://bucket/prefix or azblob://container/prefix, with the options of
// gocloud.dev/blob behind a question mark (region, endpoint, use_path_style …). Credentials are what the service's SDK finds in the environment and in its
// files; a URL that holds some is refused, since it would be seen in the list of processes.
//
// The layout below the prefix:
//
//	uploads/ab/ab12…        the bytes of an upload, all parts of a split archive one behind the other
//	uploads/ab/ab12….json   the names and sizes of its parts; written last, so that an upload without it is not there
//	objects/ab/ab12…        a report or the export of a case
//	cases/ID.json           which objects a case has; written last
//
// Objects are named by the SHA-256 of what they hold and are never changed. They appear as a whole: S3, GCS and Azure show an object when its last part
// is in, and the file driver renames a finished file; a writer that is interrupted leaves nothing that can be read. Every read is checked
// against the name, so that an object that was damaged or exchanged is refused. Reads and writes are streams: memory is bounded by the parts under way
// (a few of 8 MiB), whatever the size.
package blobs
