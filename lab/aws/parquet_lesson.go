package aws

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/evidence/parquet"
)

// lessonRows is how many records of a file are looked at.
const lessonRows = 1000

// noValue says how a flow log in Parquet writes what has no value, for which text has "-": AWS documents the columns' types alone. It
// goes by two fields that most records lack: the traffic path of what comes in, and why a packet was rejected. "": the file has none
// such, or is damaged, which others tell.
func noValue(raw []byte) string {
	f, err := parquet.Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return ""
	}
	at := map[string]int{}
	for i, c := range f.Columns() {
		at[c.Name] = i + 1
	}
	path, direction, reason := at["traffic_path"]-1, at["flow_direction"]-1, at["reject_reason"]-1
	forms := map[string]bool{}
	rows := f.Rows()
	for range lessonRows {
		row, err := rows.Next()
		if err != nil {
			break
		}
		if path >= 0 && direction >= 0 && string(row[direction].Text) == "ingress" {
			forms["a number is "+form(row[path])] = true
		}
		if reason >= 0 && (row[reason].Null || len(row[reason].Text) < 2) {
			forms["a text is "+form(row[reason])] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(forms)), ", ")
}

// form is a value that stands for none.
func form(v parquet.Value) string {
	switch {
	case v.Null:
		return "null"
	case v.Text != nil:
		return `"` + string(v.Text) + `"`
	case v.Int == 0:
		return "0"
	case v.Int == -1:
		return "-1"
	}
	return "a value"
}
