package aws

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OutputsSchema is the version of the outputs' form.
const OutputsSchema = "alblab.outputs/1"

// Outputs are the outputs of terraform/, under the same names.
type Outputs struct {
	Schema    string    `json:"schema"`
	RunID     string    `json:"run_id"`
	Region    string    `json:"region"`
	AccountID string    `json:"account_id"`
	ExpiresAt time.Time `json:"expires_at"`

	Endpoints    map[string]string `json:"endpoints"` // listener to host:port
	Policies     map[string]string `json:"policies"`  // listener to security policy
	ListenerARNs map[string]string `json:"listener_arns"`

	LoadBalancerARN     string `json:"load_balancer_arn"`
	LoadBalancerName    string `json:"load_balancer_name"`
	LoadBalancerDNSName string `json:"load_balancer_dns_name"`
	VPCID               string `json:"vpc_id"`
	RootsPEM            string `json:"roots_pem"` // the CA of the server certificate

	FlowLog       FlowLogOutput `json:"flow_log"`
	AccessLog     BucketOutput  `json:"access_log"`
	ConnectionLog BucketOutput  `json:"connection_log"`
	WAF           *WAFOutput    `json:"waf"` // null: no web ACL

	TrustStoreARNs   map[string]string `json:"trust_store_arns"`
	TrustStoreBucket string            `json:"trust_store_bucket"`
	Mirror           *MirrorOutput     `json:"mirror"` // null: no captures
}

// Destination types of logs, as EC2's API names them.
const (
	ToCloudWatchLogs = "cloud-watch-logs"
	ToS3             = "s3"
)

// FlowLogOutput says where the flow log goes.
type FlowLogOutput struct {
	DestinationType string `json:"destination_type"` // cloud-watch-logs or s3
	LogGroup        string `json:"log_group"`
	Bucket          string `json:"bucket"`
	Prefix          string `json:"prefix"`
	Format          string `json:"format"` // '${version} ...'
}

// BucketOutput says where log files go.
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

// MirrorOutput is what mirror sessions send to.
type MirrorOutput struct {
	TargetID   string `json:"target_id"`
	FilterID   string `json:"filter_id"`
	InstanceID string `json:"instance_id"`
	Bucket     string `json:"bucket"`
	Prefix     string `json:"prefix"`
	VNI        int    `json:"vni"`
}

// maxOutputs bounds the file.
const maxOutputs = 8 << 20

// ReadOutputs reads an outputs file: what "terraform output -json" prints, each value wrapped with its type, or the values
// alone, as "alblab serve --outputs" writes them.
func ReadOutputs(r io.Reader) (Outputs, error) {
	var o Outputs
	b, err := io.ReadAll(io.LimitReader(r, maxOutputs+1))
	if err != nil {
		return o, fmt.Errorf("reading outputs: %w", err)
	}
	if len(b) > maxOutputs {
		return o, fmt.Errorf("reading outputs: larger than %d bytes", maxOutputs)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return o, problem("write it with 'terraform output -json > outputs.json', or 'alblab serve --aws-api ADDR --outputs FILE'",
			"reading outputs: not a JSON object: %w", err)
	}
	if len(all) == 0 {
		return o, problem("'terraform output -json' prints {} where nothing was applied: run 'alblab aws up'", "reading outputs: there are none")
	}
	if b, err = json.Marshal(unwrap(all)); err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		return o, fmt.Errorf("reading outputs: %w", err)
	}
	return o, o.check()
}

// unwrap takes the values out of Terraform's wrapping, {"value": ..., "type": ..., "sensitive": ...}.
func unwrap(all map[string]json.RawMessage) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(all))
	for name, raw := range all {
		out[name] = raw
		var w map[string]json.RawMessage
		if json.Unmarshal(raw, &w) != nil {
			continue
		}
		v, has := w["value"]
		_, sensitive := w["sensitive"]
		if has && sensitive {
			out[name] = v
		}
	}
	return out
}

// check names everything that is missing at once.
func (o *Outputs) check() error {
	switch {
	case o.Schema == "":
		return errors.New("reading outputs: no schema: these are not the outputs of alblab's terraform/")
	case o.Schema != OutputsSchema:
		return fmt.Errorf("reading outputs: schema %q: this version reads %s", o.Schema, OutputsSchema)
	}
	var missing []string
	for name, v := range map[string]string{
		"region": o.Region, "account_id": o.AccountID, "load_balancer_arn": o.LoadBalancerARN, "run_id": o.RunID,
	} {
		if v == "" {
			missing = append(missing, name)
		}
	}
	if len(o.Endpoints) == 0 {
		missing = append(missing, "endpoints")
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return problem("apply terraform/ again, or run 'alblab aws up'", "reading outputs: %s: missing", strings.Join(missing, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Endpoints)) {
		host, port, err := net.SplitHostPort(o.Endpoints[name])
		n, perr := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil || host == "" || perr != nil || n == 0:
			return fmt.Errorf("reading outputs: endpoints: %s: %q is no host:port", name, o.Endpoints[name])
		case o.ListenerARNs[name] == "":
			return fmt.Errorf("reading outputs: listener_arns: %s: missing", name)
		}
	}
	if !strings.Contains(o.LoadBalancerARN, ":loadbalancer/") {
		return fmt.Errorf("reading outputs: load_balancer_arn: %q is no ARN of a load balancer", o.LoadBalancerARN)
	}
	if o.RootsPEM != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(o.RootsPEM)) { // without any it is ACM's
		return errors.New("reading outputs: roots_pem: no certificate in PEM")
	}
	return nil
}

// InAWS reports whether the lab is a load balancer of AWS's, and costs money: its name says so. The embedded lab's is another.
func (o *Outputs) InAWS() bool { return strings.Contains(o.LoadBalancerDNSName, ".amazonaws.com") }

// LoadBalancer is the load balancer as logs and metrics name it: app/<name>/<id>, the tail of its ARN.
func (o *Outputs) LoadBalancer() string { return loadBalancerName(o.LoadBalancerARN) }

func loadBalancerName(arn string) string {
	_, name, _ := strings.Cut(arn, ":loadbalancer/")
	return name
}
