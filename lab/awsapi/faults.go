package awsapi

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alblab/alblab/lab/evidence"
)

// Faults make the API as unkind as AWS's can be. The zero value is none.
type Faults struct {
	Throttle   float64       // share of calls that are answered with the service's throttling error, 0 to 1
	Errors     float64       // share of calls that are answered with an internal error
	EmptyPages bool          // listings give an empty page with a token before each page
	PageSize   int           // at most so many entries a page, whatever the caller asks for; 0: as AWS has it
	Slow       time.Duration // before each answer, by the wall's clock
	// Late delays the delivery of a kind of evidence further.
	Late map[evidence.Kind]time.Duration
	// Missing kinds of evidence never come, though they are switched on.
	Missing []evidence.Kind
	// Off are the kinds of logs that are switched off in the load balancer's and the web ACL's settings: none comes.
	Off      []evidence.Kind
	Expired  bool // the caller's credentials have expired
	NoMirror bool // EC2 refuses mirror sessions on the load balancer's interfaces
}

// faultsPath is where the faults of a running server are read (GET) and set (PUT), as ParseFaults reads them.
const faultsPath = "/_alblab/faults"

// faultHeader asks for faults for one call.
const faultHeader = "X-Alblab-Fault"

// faultKinds are the kinds of evidence by the names that ParseFaults knows.
func faultKinds() map[string]evidence.Kind {
	return map[string]evidence.Kind{"flow": evidence.KindFlow, "access": evidence.KindAccess, "connection": evidence.KindConnection,
		"waf": evidence.KindWAF, "metrics": evidence.KindMetrics, "capture": evidence.KindMirror}
}

// ParseFaults reads faults from text: a list like "throttle=0.2, errors=0.1, empty-pages, page-size=3, slow=200ms,
// late=flow:10m, missing=waf, off=access, expired, no-mirror". late, missing and off may be repeated; kinds are flow, access, connection, waf,
// metrics and capture. "" and "none" are none.
func ParseFaults(text string) (Faults, error) {
	f := Faults{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		name, value, _ := strings.Cut(part, "=")
		if err := f.set(name, value); err != nil {
			return Faults{}, fmt.Errorf("fault %q: %w", part, err)
		}
	}
	return f, nil
}

func (f *Faults) set(name, value string) (err error) {
	switch name {
	case "none":
	case "throttle":
		f.Throttle, err = parseShare(value)
	case "errors":
		f.Errors, err = parseShare(value)
	case "empty-pages":
		f.EmptyPages = true
	case "page-size":
		if f.PageSize, err = strconv.Atoi(value); err == nil && f.PageSize < 1 {
			err = fmt.Errorf("want a number from 1")
		}
	case "slow":
		f.Slow, err = parseWait(value)
	case "late":
		kind, wait, _ := strings.Cut(value, ":")
		var k evidence.Kind
		if k, err = parseKind(kind); err != nil {
			return err
		}
		if f.Late == nil {
			f.Late = map[evidence.Kind]time.Duration{}
		}
		f.Late[k], err = parseWait(wait)
	case "missing", "off":
		k, err := parseKind(value)
		if err != nil {
			return err
		}
		if name == "missing" {
			f.Missing = append(f.Missing, k)
		} else {
			f.Off = append(f.Off, k)
		}
	case "expired":
		f.Expired = true
	case "no-mirror":
		f.NoMirror = true
	default:
		err = fmt.Errorf("unknown: use throttle, errors, empty-pages, page-size, slow, late, missing, off, expired or no-mirror")
	}
	return err
}

func parseShare(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("want a share between 0 and 1, like 0.2")
	}
	return v, nil
}

func parseWait(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a duration like 200ms or 10m")
	}
	return d, nil
}

func parseKind(s string) (evidence.Kind, error) {
	if k, ok := faultKinds()[s]; ok {
		return k, nil
	}
	return "", fmt.Errorf("unknown kind %q: use one of %s", s, strings.Join(slices.Sorted(maps.Keys(faultKinds())), ", "))
}

// String is the way back from ParseFaults.
func (f Faults) String() string {
	var parts []string
	add := func(yes bool, format string, args ...any) {
		if yes {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(f.Throttle > 0, "throttle=%v", f.Throttle)
	add(f.Errors > 0, "errors=%v", f.Errors)
	add(f.EmptyPages, "empty-pages")
	add(f.PageSize > 0, "page-size=%d", f.PageSize)
	add(f.Slow > 0, "slow=%v", f.Slow)
	kinds := faultKinds()
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[name]
		add(f.Late[k] > 0, "late=%s:%v", name, f.Late[k])
		add(slices.Contains(f.Missing, k), "missing=%s", name)
		add(slices.Contains(f.Off, k), "off=%s", name)
	}
	add(f.Expired, "expired")
	add(f.NoMirror, "no-mirror")
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ",")
}

// faultState is the faults of a running server.
type faultState struct {
	mu  sync.Mutex
	f   Faults
	rnd *rand.Rand
}

func (s *faultState) init(f Faults, seed uint64) {
	s.f, s.rnd = f, rand.New(rand.NewPCG(seed, 0x617773)) // any second word, fixed
}

func (s *faultState) set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.f = f
}

func (s *faultState) get() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.f
}

// draw says whether something of this share happens now.
func (s *faultState) draw(share float64) bool {
	if share <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.Float64() < share
}

// faultsOf are the faults of one call: the server's, or its header's.
func (c *call) faultsOf() (Faults, error) {
	if h := c.r.Header.Get(faultHeader); h != "" {
		f, err := ParseFaults(h)
		if err != nil {
			return f, failure("ValidationError", "%s: %s", faultHeader, err)
		}
		return f, nil
	}
	return c.faults.get(), nil
}

// fault lets a call fail, or wait, as the faults say.
func (c *call) fault() error {
	f, err := c.faultsOf()
	if err != nil {
		return err
	}
	if f.Slow > 0 {
		t := time.NewTimer(f.Slow)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	switch {
	case f.Expired:
		return expiredCredentials(c.service, c.protocol)
	case c.faults.draw(f.Throttle):
		return throttled(c.service)
	case c.faults.draw(f.Errors):
		return internalError(c.service)
	}
	return nil
}

// throttled is the service's error for too many calls: EC2 RequestLimitExceeded, S3 SlowDown, the others as their API references
// list it.
func throttled(v *service) *apiError {
	switch v.name {
	case "ec2":
		return &apiError{code: "RequestLimitExceeded", message: "Request limit exceeded.", status: 503, server: true}
	case "s3":
		return &apiError{code: "SlowDown", message: "Please reduce your request rate.", status: 503, server: true}
	case "servicequotas":
		return &apiError{code: "TooManyRequestsException", message: "Due to throttling, the request was denied. Slow down the rate of request calls, or request an increase for this quota.", status: 400}
	case "tagging":
		return &apiError{code: "ThrottledException", message: "The request was denied to limit the frequency of submitted requests.", status: 400}
	case "elasticloadbalancing", "sts", "monitoring":
		return &apiError{code: "Throttling", shape: "ThrottlingException", message: "Rate exceeded", status: 400}
	}
	return &apiError{code: "ThrottlingException", message: "Rate exceeded", status: 400}
}

// expiredCredentials is what each protocol answers to a session token whose time is over.
func expiredCredentials(v *service, p protocol) *apiError {
	e := &apiError{code: "ExpiredToken", shape: "ExpiredTokenException", message: "The security token included in the request is expired", status: 400}
	switch {
	case v.name == "ec2":
		e = &apiError{code: "RequestExpired", message: "Request has expired.", status: 400}
	case v.name == "s3":
		e = &apiError{code: "ExpiredToken", message: "The provided token has expired.", status: 400}
	case p == protocolQuery:
		e.status = 403
	}
	return e
}

// serveFaults lets a test or an engineer change the faults of a running server.
func (s *Server) serveFaults(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut:
		b, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
		var f Faults
		if err == nil {
			f, err = ParseFaults(string(b))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.SetFaults(f)
	default:
		http.Error(w, "GET or PUT", http.StatusMethodNotAllowed)
		return
	}
	fmt.Fprintln(w, s.faults.get())
}
