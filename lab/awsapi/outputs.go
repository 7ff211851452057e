package awsapi

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/alblab/alblab/lab/evidence"
)

// Outputs say where the lab's parts are, under the names of the outputs of terraform/: whoever attaches to a lab in an account
// attaches to this one the same way.
type Outputs struct {
	Schema              string            `json:"schema"` // alblab.outputs/1
	RunID               string            `json:"run_id"`
	Region              string            `json:"region"`
	AccountID           string            `json:"account_id"`
	ExpiresAt           string            `json:"expires_at"`    // RFC 3339
	Endpoints           map[string]string `json:"endpoints"`     // listener to host:port
	Policies            map[string]string `json:"policies"`      // listener to security policy
	ListenerARNs        map[string]string `json:"listener_arns"` // by listener
	LoadBalancerARN     string            `json:"load_balancer_arn"`
	LoadBalancerName    string            `json:"load_balancer_name"` // app/<name>/<id>
	LoadBalancerDNSName string            `json:"load_balancer_dns_name"`
	VPCID               string            `json:"vpc_id"`
	RootsPEM            string            `json:"roots_pem"`
	FlowLog             LogOutput         `json:"flow_log"`
	AccessLog           BucketOutput      `json:"access_log"`
	ConnectionLog       BucketOutput      `json:"connection_log"`
	WAF                 *WAFOutput        `json:"waf"`              // null: no web ACL
	TrustStoreARNs      map[string]string `json:"trust_store_arns"` // "default" is the lab's own
	TrustStoreBucket    string            `json:"trust_store_bucket"`
	Mirror              *MirrorOutput     `json:"mirror"` // null: no captures
}

// LogOutput is where the flow log goes.
type LogOutput struct {
	DestinationType string `json:"destination_type"` // cloud-watch-logs or s3
	LogGroup        string `json:"log_group"`
	Bucket          string `json:"bucket"`
	Prefix          string `json:"prefix"`
	Format          string `json:"format"`
}

// BucketOutput is where a load balancer's log goes.
type BucketOutput struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}

// WAFOutput is the web ACL and where its log goes.
type WAFOutput struct {
	WebACLARN       string `json:"web_acl_arn"`
	DestinationType string `json:"destination_type"`
	LogGroup        string `json:"log_group"`
	Bucket          string `json:"bucket"`
	Prefix          string `json:"prefix"`
}

// MirrorOutput is what a mirror session needs, and where its captures go.
type MirrorOutput struct {
	TargetID   string `json:"target_id"`
	FilterID   string `json:"filter_id"`
	InstanceID string `json:"instance_id"`
	Bucket     string `json:"bucket"`
	Prefix     string `json:"prefix"`
	VNI        int    `json:"vni"` // 0: each session has its own
}

// Outputs describes the lab to somebody who reaches its listeners at the given endpoints, host:port by listener.
func (s *Server) Outputs(endpoints map[string]string) (Outputs, error) {
	o := Outputs{
		Schema: "alblab.outputs/1", RunID: s.id.RunID, Region: s.id.Region, AccountID: s.id.Account, ExpiresAt: s.expires(),
		Endpoints: endpoints, Policies: map[string]string{}, ListenerARNs: map[string]string{}, TrustStoreARNs: map[string]string{},
		LoadBalancerARN: s.names.loadBalancer, LoadBalancerName: s.id.LoadBalancer, LoadBalancerDNSName: s.id.DNSName, VPCID: s.id.VPC,
		RootsPEM:  string(s.id.Roots),
		FlowLog:   LogOutput{DestinationType: "cloud-watch-logs", LogGroup: s.names.flowGroup, Format: s.id.FlowFormat},
		AccessLog: BucketOutput{s.names.logBucket, accessPrefix}, ConnectionLog: BucketOutput{s.names.logBucket, connectionPrefix},
		TrustStoreBucket: s.names.trustBucket,
	}
	if s.flowFiles != "" {
		o.FlowLog = LogOutput{DestinationType: "s3", Bucket: s.names.logBucket, Prefix: flowPrefix, Format: s.id.FlowFormat}
	}
	for _, l := range s.account.Listeners() {
		o.Policies[l.Name] = l.SSLPolicy
		o.ListenerARNs[l.Name] = s.names.listeners + l.ID
	}
	stores, err := s.account.TrustStores()
	if err != nil {
		return o, fmt.Errorf("describing the trust stores: %w", err)
	}
	for _, t := range stores {
		name := t.Listener
		if name == "" {
			name = "default"
		}
		o.TrustStoreARNs[name] = t.ARN
	}
	if s.id.WebACL != "" {
		o.WAF = &WAFOutput{WebACLARN: s.id.WebACL, DestinationType: "cloud-watch-logs"}
		if !s.off(evidence.KindWAF) {
			o.WAF.LogGroup = s.names.wafGroup
		}
	}
	if s.id.Mirrored {
		o.Mirror = &MirrorOutput{TargetID: s.names.mirrorTarget, FilterID: s.names.mirrorFilter, InstanceID: s.names.instance,
			Bucket: s.names.mirrorBucket, Prefix: mirrorPrefix}
	}
	return o, nil
}

// Write writes the outputs as JSON.
func (o *Outputs) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(o); err != nil {
		return fmt.Errorf("writing outputs: %w", err)
	}
	return nil
}
