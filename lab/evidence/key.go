package evidence

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Key is the name under which AWS puts a log file into a bucket: VPC flow logs, load balancers' access and connection logs, WAF
// logs. Sources: docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html,
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html and
// load-balancer-connection-logs.html, docs.aws.amazon.com/waf/latest/developerguide/logging-s3.html.
//
// Assumption: a flow log's file in Parquet ends in .log.parquet, as files in public are named; AWS's page names .log.gz alone.
type Key struct {
	Kind    Kind   // KindFlow, KindAccess, KindConnection or KindWAF
	Prefix  string // what stands before AWSLogs/, without the slash: a prefix, or s3://bucket/prefix; may be empty
	Account string
	Region  string
	Name    string // the load balancer as app/<name>/<id>, the flow log's id, or the web ACL's name
	// Time is the name's stamp in UTC, to the minute. A load balancer's file is stamped with the end of its five minutes, the
	// others with their start; see [KeyTime].
	Time   time.Time
	Folder time.Time // of the folders, which is when it was delivered; zero means Time
	Node   string    // load balancers: the node's address as the name has it
	Random string    // the name's last part
	// Parquet says that a flow log's file is not gzipped text. Its columns are packed in the file.
	Parquet bool
}

// KeyTime returns the stamp of the file in which a record of time t stands: five minutes are one file.
func KeyTime(k Kind, t time.Time) time.Time {
	const slot = 5 * time.Minute
	start := t.UTC().Truncate(slot)
	if k == KindAccess || k == KindConnection {
		return start.Add(slot)
	}
	return start
}

const keyStamp = "20060102T1504Z"

// services are the words of the names, by kind: in the folders, and in the file.
var services = map[Kind][2]string{
	KindFlow:       {"vpcflowlogs", "vpcflowlogs"},
	KindAccess:     {"elasticloadbalancing", "elasticloadbalancing"},
	KindConnection: {"elasticloadbalancing", "elasticloadbalancing"},
	KindWAF:        {"WAFLogs", "waflogs"},
}

// FileName returns the last part of the key.
func (k Key) FileName() string {
	name := strings.Join([]string{k.Account, services[k.Kind][1], k.Region, strings.ReplaceAll(k.Name, "/", "."),
		k.Time.UTC().Format(keyStamp)}, "_")
	if k.Kind == KindConnection {
		name = "conn_log_" + name
	}
	if k.Kind == KindAccess || k.Kind == KindConnection {
		name += "_" + k.Node
	}
	if k.Parquet {
		return name + "_" + k.Random + ".log.parquet"
	}
	return name + "_" + k.Random + ".log.gz"
}

// String returns the whole key.
func (k Key) String() string {
	folder := k.Folder
	if folder.IsZero() {
		folder = k.Time
	}
	days := folder.UTC().Format("2006/01/02")
	if k.Kind == KindWAF {
		days = k.Name + "/" + folder.UTC().Format("2006/01/02/15/04")
	}
	key := strings.Join([]string{"AWSLogs", k.Account, services[k.Kind][0], k.Region, days, k.FileName()}, "/")
	if k.Prefix != "" {
		key = k.Prefix + "/" + key
	}
	return key
}

// ParseKey reads a key, a path that ends in one, or the file's name alone. Hive-compatible folders are passed over: the name has
// all that they say. Older names of connection logs have a dot after conn_log, and String writes the newer form.
func ParseKey(s string) (Key, error) {
	base := path.Base(s)
	name, isParquet := strings.CutSuffix(strings.TrimSuffix(base, ".gz"), ".parquet")
	name = strings.TrimSuffix(name, ".log")
	k := Key{Kind: kindOfName(base), Parquet: isParquet}
	if k.Kind == KindConnection {
		name = name[len("conn_log_"):]
	}
	service, ok := services[k.Kind]
	if !ok {
		return Key{}, fmt.Errorf("%q is no name of a log file of AWS's", base)
	}
	var rest string
	k.Account, rest, ok = strings.Cut(name, "_"+service[1]+"_")
	bad := fmt.Errorf("%q is no name of a %s log file of AWS's", base, k.Kind)
	if !ok {
		return Key{}, bad
	}
	if k.Region, rest, ok = strings.Cut(rest, "_"); !ok {
		return Key{}, bad
	}
	if rest, k.Random, ok = cutLast(rest); !ok {
		return Key{}, bad
	}
	if k.Kind == KindAccess || k.Kind == KindConnection {
		if rest, k.Node, ok = cutLast(rest); !ok {
			return Key{}, bad
		}
	}
	var stamp string
	if k.Name, stamp, ok = cutLast(rest); !ok {
		return Key{}, bad
	}
	var err error
	if k.Time, err = time.Parse(keyStamp, stamp); err != nil {
		return Key{}, fmt.Errorf("name of a %s log file: %q is not a time like %s", k.Kind, stamp, keyStamp)
	}
	if k.Kind == KindAccess || k.Kind == KindConnection {
		k.Name = strings.Replace(strings.Replace(k.Name, ".", "/", 1), ".", "/", 1)
	}
	k.folders(path.Dir(s), strings.TrimSuffix(s, base))
	return k, nil
}

// folders fills what the folders add, if they are AWS's.
func (k *Key) folders(dir, before string) {
	at := strings.LastIndex("/"+before, "/AWSLogs/")
	if at < 0 {
		return
	}
	k.Prefix = strings.TrimSuffix(before[:at], "/")
	form := "2006/01/02"
	if k.Kind == KindWAF {
		form += "/15/04"
	}
	if n := len(dir) - len(form); n > 0 && dir[n-1] == '/' {
		if t, err := time.Parse(form, dir[n:]); err == nil && (k.Kind == KindWAF || !sameDay(t, k.Time)) && !t.Equal(k.Time) {
			k.Folder = t
		}
	}
}

func sameDay(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

// cutLast cuts at the last underscore.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '_')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
