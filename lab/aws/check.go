package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// CheckOptions of [Check].
type CheckOptions struct {
	Outputs   *Outputs // nil: before anything is built
	Accounts  []string // account ids that may be used; empty: the outputs', else any
	Listeners int      // how many are wanted
	Minutes   int      // of slots
	Phases    int
	Build     bool      // the lab is to be built before the run and taken down after it
	Deadline  time.Time // when all must be over; zero: none
	Endpoint  bool      // calls may go elsewhere than to AWS: it was asked for by name
	Delivery  *Delivery // nil: DefaultDelivery
	Clock     Clock     // nil: the wall clock
	Dial      func(ctx context.Context, address string) error
}

// CheckReport is what [Check] found, in the order in which it looked.
type CheckReport struct {
	Account string    `json:"account"`
	Caller  string    `json:"caller"` // ARN
	Region  string    `json:"region"`
	Begin   time.Time `json:"begin"`
	Finish  time.Time `json:"finish"`  // planned
	Dollars float64   `json:"dollars"` // 0 for a lab that is not in AWS
	Items   []Item    `json:"items"`
}

// Item is one thing that was checked.
type Item struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// Err is the first thing that forbids the run, nil if there is none.
func (r *CheckReport) Err() error {
	for _, i := range r.Items {
		if !i.OK {
			return &Problem{fmt.Errorf("%s: %s", i.Name, i.Text), i.Hint}
		}
	}
	return nil
}

// How long building and taking down takes at most.
//
// Assumption: from experience; an ALB is active after 2 to 3 minutes, and its interfaces keep subnets busy for as long after it
// is deleted. A run prints what it measured.
const (
	buildTime   = 10 * time.Minute
	destroyTime = 15 * time.Minute
	phaseTime   = 2 * time.Minute // change listeners, and the begin of a whole minute
)

// planned is how long a run takes.
func (o *CheckOptions) planned() time.Duration {
	d := time.Duration(o.Minutes)*time.Minute + time.Duration(max(1, o.Phases))*phaseTime
	outputs := o.Outputs
	if outputs == nil {
		outputs = &Outputs{FlowLog: FlowLogOutput{DestinationType: ToCloudWatchLogs}, WAF: &WAFOutput{}}
	}
	d += o.Delivery.longest(outputs)
	if o.Build {
		d += buildTime + destroyTime
	}
	return d
}

// Check looks at everything that can be known to go wrong before anything is spent: credentials and when they end, account,
// region, endpoint, clock, quotas, the lab and whether it can be reached, planned minutes and cost. The error is that of the
// context; what is wrong stands in the report, see [CheckReport.Err].
func Check(ctx context.Context, cfg sdk.Config, c *Clients, o CheckOptions) (*CheckReport, error) {
	if o.Clock == nil {
		o.Clock = WallClock()
	}
	if o.Delivery == nil {
		d := DefaultDelivery()
		o.Delivery = &d
	}
	k := &checker{CheckOptions: o, cfg: cfg, c: c, r: &CheckReport{Region: c.Region, Begin: o.Clock.Now()}}
	k.r.Finish = k.r.Begin.Add(o.planned())
	if o.Outputs == nil || o.Outputs.InAWS() {
		k.r.Dollars = Cost(o.planned())
	}
	k.endpoint()
	k.region()
	meant := k.r.Err() == nil // else calls would go where they must not
	if k.credentials(ctx) && meant && k.identity(ctx) {
		k.quotas(ctx)
		k.lab(ctx)
	}
	k.time()
	return k.r, ctx.Err()
}

// checker notes what it finds.
type checker struct {
	CheckOptions
	cfg sdk.Config
	c   *Clients
	r   *CheckReport
}

func (k *checker) good(name, format string, args ...any) {
	k.r.Items = append(k.r.Items, Item{name, true, fmt.Sprintf(format, args...), ""})
}

func (k *checker) bad(name, hint, format string, args ...any) {
	k.r.Items = append(k.r.Items, Item{name, false, fmt.Sprintf(format, args...), hint})
}

func (k *checker) endpoint() {
	real := k.Outputs == nil || k.Outputs.InAWS()
	switch {
	case k.c.Endpoint == "" && !real && k.Outputs.LoadBalancerDNSName != "":
		k.bad("endpoint", "--endpoint-url names the API that 'alblab serve --aws-api' has printed",
			"these outputs are of a lab that is not in AWS (%s), and calls would go to AWS", k.Outputs.LoadBalancerDNSName)
	case k.c.Endpoint == "":
		k.good("endpoint", "AWS")
	case k.CheckOptions.Endpoint || !real:
		k.good("endpoint", "%s, not AWS", k.c.Endpoint)
	default:
		k.bad("endpoint", "unset AWS_ENDPOINT_URL (and endpoint_url in ~/.aws/config), or say --endpoint-url if it is meant",
			"calls would go to %s, not to AWS", k.c.Endpoint)
	}
}

func (k *checker) region() {
	if k.Outputs != nil && k.Outputs.Region != k.c.Region {
		k.bad("region", "set AWS_REGION="+k.Outputs.Region+", or give --region", "the lab is in %s, calls go to %s", k.Outputs.Region, k.c.Region)
		return
	}
	k.good("region", "%s", k.c.Region)
}

func (k *checker) credentials(ctx context.Context) bool {
	end, err := expiry(ctx, k.cfg)
	switch {
	case err != nil:
		k.bad("credentials", "run 'aws configure' or 'aws sso login', or set AWS_PROFILE", "there are none: %s", firstWords(err))
		return false
	case end.IsZero():
		k.good("credentials", "they do not end")
	case end.Before(k.r.Begin):
		k.bad("credentials", "renew them: 'aws sso login', or assume the role again", "they ended at %s", stamp(end))
		return false
	case end.Before(k.r.Finish):
		k.bad("credentials", "take credentials that last longer (the role's maximum session duration; a chained role has one hour), or run fewer scenarios",
			"they end at %s, the run not before %s", stamp(end), stamp(k.r.Finish))
	default:
		k.good("credentials", "they last until %s", stamp(end))
	}
	return true
}

// maxSkew is how far a clock may be off before AWS refuses signatures
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
const maxSkew = 5 * time.Minute

func (k *checker) identity(ctx context.Context) bool {
	out, err := k.c.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		k.bad("account", Hint(err), "AWS does not say whose credentials these are: %s", firstWords(err))
		return false
	}
	k.r.Account, k.r.Caller = sdk.ToString(out.Account), sdk.ToString(out.Arn)
	allowed := k.Accounts
	if len(allowed) == 0 && k.Outputs != nil {
		allowed = []string{k.Outputs.AccountID}
	}
	if len(allowed) > 0 && !slices.Contains(allowed, k.r.Account) {
		k.bad("account", "use credentials of the sandbox account: AWS_PROFILE", "the credentials are of account %s, allowed is %s", k.r.Account, strings.Join(allowed, ", "))
		return false
	}
	k.good("account", "%s as %s", k.r.Account, k.r.Caller)
	server, known := awsmiddleware.GetServerTime(out.ResultMetadata)
	if _, wall := k.Clock.(wallClock); !known || !wall {
		return true
	}
	if skew := time.Since(server).Round(time.Second); skew.Abs() > maxSkew {
		k.bad("clock", "set this machine's clock: signatures and times of evidence go by it", "it differs from AWS's by %s", skew)
		return true
	}
	k.good("clock", "agrees with AWS's")
	return true
}

// quotas looks at the limits that a lab meets (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
func (k *checker) quotas(ctx context.Context) {
	out, err := k.c.ELB.DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{})
	if err != nil {
		k.bad("quotas", Hint(err), "they cannot be read: %s", firstWords(err))
		return
	}
	limit := map[string]int{}
	for _, l := range out.Limits {
		if n, err := strconv.ParseFloat(sdk.ToString(l.Max), 64); err == nil {
			limit[sdk.ToString(l.Name)] = int(n)
		}
	}
	if most, ok := limit["listeners-per-application-load-balancer"]; ok && k.Listeners > most {
		k.bad("quotas", "name fewer scenarios", "the run needs %d listeners, a load balancer has %d at most", k.Listeners, most)
		return
	}
	if k.Outputs != nil {
		if k.Listeners == 0 {
			return // nothing runs: nothing to fit
		}
		k.good("quotas", "%d listeners fit", k.Listeners)
		return
	}
	have := 0
	for p := elb.NewDescribeLoadBalancersPaginator(k.c.ELB, &elb.DescribeLoadBalancersInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			k.bad("quotas", Hint(err), "load balancers cannot be listed: %s", firstWords(err))
			return
		}
		for _, lb := range page.LoadBalancers {
			if lb.Type == "application" {
				have++
			}
		}
	}
	if most, ok := limit["application-load-balancers"]; ok && have >= most {
		k.bad("quotas", "delete one, or ask for a higher quota; 'alblab aws sweep' lists leftovers", "the account has %d of %d load balancers", have, most)
		return
	}
	k.good("quotas", "the account has %d load balancers", have)
}

// lab looks whether the lab is there and can be reached.
func (k *checker) lab(ctx context.Context) {
	if k.Outputs == nil {
		return
	}
	lb, err := k.c.Describe(ctx, k.Outputs.LoadBalancerARN)
	if err != nil {
		k.bad("lab", "'alblab aws up' builds it", "%s", firstWords(err))
		return
	}
	k.good("lab", "%s, %d listeners", lb.Name, len(lb.Listeners))
	off := func(name string, l BucketLog, want BucketOutput) {
		if want.Bucket != "" && (!l.On || l.Bucket != want.Bucket) {
			k.bad("logs", "apply terraform/ again", "the %s log does not go to %s", name, want.Bucket)
		}
	}
	if lb.Attributes != nil {
		off("access", lb.AccessLog, k.Outputs.AccessLog)
		off("connection", lb.ConnectionLog, k.Outputs.ConnectionLog)
	}
	if k.Outputs.ExpiresAt.IsZero() || k.Outputs.ExpiresAt.After(k.r.Finish) {
		k.reach(ctx)
		return
	}
	k.bad("expiry", "'alblab aws up --for 4h' sets a later time; that replaces the lab's instances, so runs must have ended", "the lab ends itself at %s, the run not before %s", stamp(k.Outputs.ExpiresAt), stamp(k.r.Finish))
}

func (k *checker) reach(ctx context.Context) {
	dial := k.Dial
	if dial == nil {
		d := net.Dialer{Timeout: 5 * time.Second}
		dial = func(ctx context.Context, address string) error {
			conn, err := d.DialContext(ctx, "tcp4", address)
			if err == nil {
				err = conn.Close()
			}
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.Outputs.Endpoints)) {
		if err := dial(ctx, k.Outputs.Endpoints[name]); err != nil {
			k.bad("reachability", "is this machine's public address among allowed_cidrs, and does its network let port out? ('curl https://checkip.amazonaws.com')",
				"listener %s at %s: %s", name, k.Outputs.Endpoints[name], firstWords(err))
			return
		}
	}
	k.good("reachability", "%d listeners accept connections from here", len(k.Outputs.Endpoints))
}

func (k *checker) time() {
	d := k.r.Finish.Sub(k.r.Begin)
	if !k.Deadline.IsZero() && k.Deadline.Before(k.r.Finish) {
		k.bad("time", "give more time (go test -timeout), or name fewer scenarios",
			"the run takes %s, there are %s", d.Round(time.Minute), k.Deadline.Sub(k.r.Begin).Round(time.Minute))
		return
	}
	cost := "costs nothing: not in AWS"
	if k.r.Dollars > 0 {
		cost = fmt.Sprintf("about $%.2f", k.r.Dollars)
	}
	k.good("time", "%s, until %s, %s", d.Round(time.Minute), stamp(k.r.Finish), cost)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// firstWords is what an error says, in one line.
func firstWords(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		err = p.Err
	}
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}
