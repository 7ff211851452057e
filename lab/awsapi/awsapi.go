// Package awsapi lets a lab answer the calls that are made to AWS about a load balancer, its logs and its metrics, in the wire
// protocols of the services: what reads a real account reads the lab as well. There is no SDK in it.
//
// Start with [New], an [http.Handler] over an [Account], which the embedded lab is. All services share one address; they are told
// apart as AWS's endpoints tell calls: by the signature's scope, the X-Amz-Target header, the Action and Version of a form, the
// path. Evidence becomes visible as AWS delivers it ([Delivery]), and [Faults] make the API as unkind as AWS's can be.
//
// What is answered, and what is not, is in docs/aws-api.md. Signatures are checked for form and expiry, never for who made them:
// it is a laboratory, for loopback addresses.
package awsapi

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options of [New]. Nil means the zero value.
type Options struct {
	Delivery *Delivery // when evidence becomes visible; nil: as AWS documents it
	Faults   Faults
	// Wall is the clock of the callers' signatures, which is not the lab's if that one is virtual. nil: signatures are not
	// checked for their age.
	Wall func() time.Time
	Seed uint64 // of the faults and of request ids
	// Modified is told of each listener that ModifyListener has changed; may be nil.
	Modified func(listener string)
	Logger   *slog.Logger // what goes wrong inside; nil discards
	// Terminated is the id of an instance of the lab's that was terminated: EC2 goes on describing it for about an hour
	// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html), and the tagging API lists it, its tags kept.
	Terminated string
	// FlowFiles says that the flow log goes to S3, in files of this form: plain-text or parquet, the names that CreateFlowLogs has
	// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DestinationOptionsRequest.html). "": to CloudWatch Logs.
	FlowFiles string
	// FlowHive puts those files under Hive-compatible prefixes.
	FlowHive bool
}

// Server answers AWS's API. Make one with [New].
type Server struct {
	account  Account
	id       Identity
	names    resources
	wall     func() time.Time
	modified func(string)
	logger   *slog.Logger
	requests atomic.Uint64
	seed     uint64
	services map[string]*service
	delivery Delivery
	faults   faultState
	shelf    *shelf
	mirrors  *mirrors
	modify   sync.Mutex // one ModifyListener at a time

	terminated string // id of an instance; "": none
	flowFiles  string // plain-text, parquet; "": none
	flowHive   bool
}

// New makes the API of a lab.
func New(a Account, o *Options) *Server {
	if o == nil {
		o = &Options{}
	}
	s := &Server{account: a, id: a.Identity(), wall: o.Wall, modified: o.Modified, logger: o.Logger, seed: o.Seed, delivery: Documented(),
		terminated: o.Terminated, flowFiles: o.FlowFiles, flowHive: o.FlowHive}
	if o.Delivery != nil {
		s.delivery = *o.Delivery
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.names = resourcesOf(s.id)
	s.faults.init(o.Faults, o.Seed)
	s.mirrors = new(mirrors)
	s.shelf = newShelf(s)
	s.services = map[string]*service{}
	for _, v := range []*service{
		s.sts(), s.elbv2(), s.logs(), s.cloudwatch(), s.wafv2(), s.ec2(), s.tagging(), s.quotas(),
	} {
		s.services[v.name] = v
	}
	return s
}

// SetFaults changes the faults from the next call on.
func (s *Server) SetFaults(f Faults) { s.faults.set(f) }

var _ http.Handler = (*Server)(nil)
