package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"casebook/index/query"
)

// The fields of a block's document by which it is found and counted. Fields that begin with w hold words as casebook's own tokenizer gives them, each once: OpenSearch compares them as they are.
const (
	fieldKey      = "key"      // the state of the case
	fieldCase     = "case"     // the case's ID
	fieldPlace    = "place"    // where its hits stand among those of the case; see placeOf
	fieldClass    = "class"    // one of the classes
	fieldHost     = "host"     // of a block of records; for counting
	fieldPath     = "path"     // the same
	fieldKind     = "kind"     // the same
	fieldMask     = "mask"     // the same: the severities of its records as bits
	fieldHour     = "hour"     // the hour in which all its records lie, noHour if they have no time; missing if they lie in several
	fieldSize     = "size"     // bytes of the artifact
	fieldRecords  = "records"  // how many
	fieldLine     = "line"     // first line
	fieldEnd      = "end"      // last line
	fieldFirst    = "first"    // earliest time in microseconds; missing if there is none
	fieldLast     = "last"     // latest
	fieldSeverity = "severity" // the names of the severities

	fieldWords = "w"
)

// The classes of blocks.
const (
	classRecords  = 0
	classRegistry = 1
	classFindings = 2
)

// noHour stands for records without a time.
const noHour = -1 << 40

// longTerm is in a field of words that has a word that was cut: no word begins with a plus sign.
const longTerm = "+long"

// wordField is the field of the words that blocks have in a field of queries; "" is the text.
func wordField(name query.Name) string { return strings.TrimSuffix(fieldWords+"_"+string(name), "_") }

// worded are the fields of queries that have a field of words.
var worded = []query.Name{query.Host, query.File, query.Kind, query.Component, query.Check, query.Verdict}

// wordList is how a field of words is written and read: all words in one string, each but the last followed by wordEnd, which no word holds. An array with a string for each word costs the cluster a third more to
// index. It also is the name of the analyzer, and stands in the _meta of the mappings of indexes that have it: those of earlier versions want arrays.
const (
	wordList = "word_list"
	wordEnd  = "\n"
)

type object = map[string]any

// names of the indexes.
func (s *Store) blocks() string { return s.config.Prefix + "-blocks" }
func (s *Store) cases() string  { return s.config.Prefix + "-cases" }
func (s *Store) files() string  { return s.config.Prefix + "-files" }
func (s *Store) notes() string  { return s.config.Prefix + "-notes" }

// templates are the index templates, by name.
func (s *Store) templates() map[string]object {
	keyword := object{"type": "keyword"}
	term := object{"type": "keyword", "doc_values": false, "index_options": "docs", "norms": false}
	list := object{"type": "text", "analyzer": wordList, "index_options": "docs", "norms": false}
	counted := object{"type": "keyword", "index": false}
	number := object{"type": "long"}
	fields := object{
		fieldKey: keyword, fieldCase: keyword, fieldPlace: number, fieldClass: number, fieldHost: counted, fieldPath: keyword, fieldKind: counted, fieldMask: number,
		fieldHour: number, fieldSize: number, fieldRecords: number, fieldLine: number, fieldEnd: number, fieldFirst: number, fieldLast: number, fieldSeverity: term,
		wordField(""): list,
		"about":       object{"type": "object", "enabled": false},
		"frame":       object{"type": "binary", "store": true},
	}
	excluded := []string{"frame", fieldWords, fieldSeverity}
	for _, n := range worded {
		fields[wordField(n)] = list
		excluded = append(excluded, wordField(n))
	}
	settings := object{"number_of_shards": 1, "number_of_replicas": s.config.Replicas}
	return map[string]object{
		s.blocks(): template(s.blocks()+"-*", object{
			"number_of_shards": s.config.Shards, "number_of_replicas": s.config.Replicas,
			"refresh_interval": "60s", // a case is refreshed when it is complete
			"analysis": object{
				"analyzer":  object{wordList: object{"type": "custom", "tokenizer": wordList}},
				"tokenizer": object{wordList: object{"type": "char_group", "tokenize_on_chars": []string{wordEnd}, "max_token_length": 1 << 20}},
			},
		}, object{"_meta": object{wordList: true}, "dynamic": false, "_source": object{"excludes": excluded}, "properties": fields}),
		s.cases(): template(s.cases(), settings, object{"dynamic": false, "properties": object{
			"type": keyword, fieldKey: keyword, "id": keyword, "dead": keyword, "since": object{"type": "date"}, "checks": keyword, "templates": keyword, "labels": keyword,
			"uploads": keyword, "added": object{"type": "date"},
		}}),
		s.files(): template(s.files(), settings, object{"dynamic": false, "properties": object{fieldKey: keyword, "name": keyword, "piece": number}}),
		s.notes(): template(s.notes(), settings, object{"dynamic": false, "properties": object{"case": keyword}}),
	}
}

func template(pattern string, settings, mappings object) object {
	return object{
		"index_patterns": []string{pattern}, "priority": 200,
		"template": object{"settings": object{"index": settings}, "mappings": mappings},
	}
}

// prepare makes the templates and indexes, and begins a new index of blocks with each month and where the last has become large.
func (s *Store) prepare(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	if now.Sub(s.prepared) < 10*time.Minute {
		return nil
	}
	for name, t := range s.templates() {
		if err := s.client.do(ctx, http.MethodPut, "/_index_template/"+name, nil, t, nil); err != nil {
			return err
		}
	}
	month := now.UTC().Format("2006.01")
	begun := false
	for _, name := range []string{s.cases(), s.files(), s.notes()} {
		made, err := s.create(ctx, name, nil)
		if err != nil {
			return err
		}
		begun = begun || made
	}
	current, err := s.writeIndex(ctx)
	if err != nil {
		return err
	}
	var made bool
	if current == "" {
		made, err = s.create(ctx, fmt.Sprintf("%s-%s-%06d", s.blocks(), month, 1), object{"aliases": object{s.blocks(): object{"is_write_index": true}}})
	} else {
		made, err = s.rollOver(ctx, current, month)
	}
	if err != nil {
		return err
	}
	if begun || made {
		if err := s.awaitCopies(ctx); err != nil {
			return err
		}
	}
	if err := s.sweep(ctx, now); err != nil {
		return err
	}
	s.prepared = now
	return nil
}

// create makes an index unless it is there, and tells whether it made it.
func (s *Store) create(ctx context.Context, name string, body object) (made bool, err error) {
	if err := s.client.do(ctx, http.MethodHead, "/"+name, nil, nil, nil); err == nil {
		return false, nil
	}
	if body == nil {
		body = object{}
	}
	err = s.client.do(ctx, http.MethodPut, "/"+name, nil, body, nil)
	if err != nil && strings.Contains(err.Error(), "resource_already_exists_exception") {
		return false, nil // another was quicker
	}
	return err == nil, err
}

// copiesTime bounds the wait for the copies of new indexes. It ends before the try of the request does.
const copiesTime = 30 * time.Second

// awaitCopies waits until the shards of new indexes have their copies. The cluster calls an index made as soon as its primary shards are there, and takes documents; if the node of such a shard is lost
// before the first copy is complete, the index can be neither read nor written until that node comes back, and what it took is gone if it does not. A cluster with too few nodes for copies is not waited for,
// and one that needs longer is used as it is.
func (s *Store) awaitCopies(ctx context.Context) error {
	path := "/_cluster/health/" + s.config.Prefix + "-*"
	var health struct {
		Nodes int `json:"number_of_data_nodes"`
	}
	if err := s.client.do(ctx, http.MethodGet, path, nil, nil, &health); err != nil || health.Nodes <= s.config.Replicas {
		return ctx.Err() // a writer may lack the right to ask
	}
	wait := url.Values{"wait_for_status": {"green"}, "timeout": {strconv.Itoa(int(copiesTime/time.Second)) + "s"}}
	_ = s.client.do(ctx, http.MethodGet, path, wait, nil, nil) // 408: not within the time
	return ctx.Err()
}

// writeIndex returns the index that new blocks go to, "" if there is none yet. A case goes to one index as a whole, also when the next is begun meanwhile: a request
// that is sent twice then still writes the same documents.
func (s *Store) writeIndex(ctx context.Context) (string, error) {
	var answer map[string]struct {
		Aliases map[string]struct {
			Write bool `json:"is_write_index"`
		} `json:"aliases"`
	}
	err := s.client.do(ctx, http.MethodGet, "/_alias/"+s.blocks(), nil, nil, &answer)
	if isStatus(err, http.StatusNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for name, i := range answer {
		if i.Aliases[s.blocks()].Write {
			return name, nil
		}
	}
	return "", fmt.Errorf("opensearch: none of the indexes behind the alias %s takes writes", s.blocks())
}

// listed tells whether fields of words are written as lists into an index. What an index wants never changes.
func (s *Store) listed(ctx context.Context, name string) (bool, error) {
	s.mu.Lock()
	known, ok := s.lists[name]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	var answer map[string]struct {
		Mappings struct {
			Meta map[string]any `json:"_meta"`
		} `json:"mappings"`
	}
	if err := s.client.do(ctx, http.MethodGet, "/"+name+"/_mapping", nil, nil, &answer); err != nil {
		return false, err
	}
	known = answer[name].Mappings.Meta[wordList] == true
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists == nil {
		s.lists = map[string]bool{}
	}
	s.lists[name] = known
	return known, nil
}

// rollOver begins the next index of blocks if the month is a new one or the current index has become large, and tells whether it did.
func (s *Store) rollOver(ctx context.Context, current, month string) (begun bool, err error) {
	was, number, ok := strings.Cut(strings.TrimPrefix(current, s.blocks()+"-"), "-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return false, fmt.Errorf("opensearch: the alias %s leads to %s, which is no index of casebook's", s.blocks(), current)
	}
	conditions := object{}
	if was == month {
		conditions["max_size"] = s.config.Rollover
	}
	next := fmt.Sprintf("%s-%s-%06d", s.blocks(), month, n+1)
	var answer struct {
		RolledOver bool `json:"rolled_over"`
	}
	err = s.client.do(ctx, http.MethodPost, "/"+s.blocks()+"/_rollover/"+next, nil, object{"conditions": conditions}, &answer)
	if err != nil && strings.Contains(err.Error(), "resource_already_exists_exception") {
		return false, nil // another was quicker
	}
	return answer.RolledOver, err
}

// dropEmpty removes indexes of blocks that hold nothing any more: all their cases were removed or replaced.
func (s *Store) dropEmpty(ctx context.Context) error {
	current, err := s.writeIndex(ctx)
	if err != nil || current == "" {
		return err
	}
	type counts struct {
		Index string `json:"index"`
		Count string `json:"docs.count"`
	}
	var list []counts
	if err := s.client.do(ctx, http.MethodGet, "/_cat/indices/"+s.blocks()+"-*", url.Values{"format": {"json"}, "h": {"index,docs.count"}}, nil, &list); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b counts) int { return strings.Compare(a.Index, b.Index) })
	// A writer that resolved the alias before the last rollover still writes to the index before.
	for _, i := range list[:max(0, len(list)-2)] {
		if i.Count != "0" || i.Index == current {
			continue
		}
		if err := s.client.do(ctx, http.MethodDelete, "/"+i.Index, nil, nil, nil); err != nil && !isStatus(err, http.StatusNotFound) {
			return err
		}
	}
	return nil
}
