package ec2query

import (
	"context"
	"net/url"
	"strconv"
)

// Filter is one of EC2's filters: a name, and values of which one must fit.
type Filter struct {
	Name   string
	Values []string
}

// Tag is a tag.
type Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// NetworkInterface is an elastic network interface, as far as the lab looks.
type NetworkInterface struct {
	ID               string `xml:"networkInterfaceId"`
	Description      string `xml:"description"` // a load balancer's: "ELB app/<name>/<id>"
	AvailabilityZone string `xml:"availabilityZone"`
	SubnetID         string `xml:"subnetId"`
	VPCID            string `xml:"vpcId"`
	PrivateIP        string `xml:"privateIpAddress"`
	PublicIP         string `xml:"association>publicIp"`
	Status           string `xml:"status"`
	RequesterManaged bool   `xml:"requesterManaged"`
}

// FlowLog is a flow log.
type FlowLog struct {
	ID                  string `xml:"flowLogId"`
	Status              string `xml:"flowLogStatus"` // ACTIVE
	ResourceID          string `xml:"resourceId"`    // VPC, subnet or interface
	TrafficType         string `xml:"trafficType"`   // ALL, ACCEPT, REJECT
	DestinationType     string `xml:"logDestinationType"`
	Destination         string `xml:"logDestination"`
	LogGroup            string `xml:"logGroupName"`
	Format              string `xml:"logFormat"`
	MaxAggregation      int    `xml:"maxAggregationInterval"` // seconds
	DeliverLogsStatus   string `xml:"deliverLogsStatus"`
	DeliverErrorMessage string `xml:"deliverLogsErrorMessage"`
	FileFormat          string `xml:"destinationOptions>fileFormat"`               // in S3: plain-text, parquet
	Hive                bool   `xml:"destinationOptions>hiveCompatiblePartitions"` // in S3: prefixes like year=2026/
}

// MirrorSession is a traffic mirror session.
type MirrorSession struct {
	ID               string `xml:"trafficMirrorSessionId"`
	TargetID         string `xml:"trafficMirrorTargetId"`
	FilterID         string `xml:"trafficMirrorFilterId"`
	NetworkInterface string `xml:"networkInterfaceId"`
	Number           int    `xml:"sessionNumber"`
	VNI              int    `xml:"virtualNetworkId"`
	Description      string `xml:"description"`
	Tags             []Tag  `xml:"tagSet>item"`
}

// page asks for one page after the other. Each decodes into its own value, of which next returns the token.
func (c *Client) page(ctx context.Context, action string, params url.Values, one func() (any, func() string)) error {
	for {
		out, next := one()
		if err := c.Do(ctx, action, params, out); err != nil {
			return err
		}
		token := next()
		if token == "" {
			return nil
		}
		params.Set("NextToken", token)
	}
}

func filters(params url.Values, fs []Filter) url.Values {
	for i, f := range fs {
		p := "Filter." + strconv.Itoa(i+1) + "."
		params.Set(p+"Name", f.Name)
		for j, v := range f.Values {
			params.Set(p+"Value."+strconv.Itoa(j+1), v)
		}
	}
	return params
}

// NetworkInterfaces returns the interfaces that the filters let through
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html).
func (c *Client) NetworkInterfaces(ctx context.Context, fs ...Filter) ([]NetworkInterface, error) {
	var all []NetworkInterface
	err := c.page(ctx, "DescribeNetworkInterfaces", filters(url.Values{}, fs), func() (any, func() string) {
		var out struct {
			Items []NetworkInterface `xml:"networkInterfaceSet>item"`
			Next  string             `xml:"nextToken"`
		}
		return &out, func() string { all = append(all, out.Items...); return out.Next }
	})
	return all, err
}

// FlowLogs returns flow logs (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFlowLogs.html).
func (c *Client) FlowLogs(ctx context.Context, fs ...Filter) ([]FlowLog, error) {
	var all []FlowLog
	err := c.page(ctx, "DescribeFlowLogs", filters(url.Values{}, fs), func() (any, func() string) {
		var out struct {
			Items []FlowLog `xml:"flowLogSet>item"`
			Next  string    `xml:"nextToken"`
		}
		return &out, func() string { all = append(all, out.Items...); return out.Next }
	})
	return all, err
}

// MirrorSessions returns traffic mirror sessions
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTrafficMirrorSessions.html).
func (c *Client) MirrorSessions(ctx context.Context, fs ...Filter) ([]MirrorSession, error) {
	var all []MirrorSession
	err := c.page(ctx, "DescribeTrafficMirrorSessions", filters(url.Values{}, fs), func() (any, func() string) {
		var out struct {
			Items []MirrorSession `xml:"trafficMirrorSessionSet>item"`
			Next  string          `xml:"nextToken"`
		}
		return &out, func() string { all = append(all, out.Items...); return out.Next }
	})
	return all, err
}

// CreateMirrorSession makes a session with tags; its ID is not looked at
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTrafficMirrorSession.html).
func (c *Client) CreateMirrorSession(ctx context.Context, s MirrorSession) (MirrorSession, error) {
	p := url.Values{
		"NetworkInterfaceId":    {s.NetworkInterface},
		"TrafficMirrorTargetId": {s.TargetID},
		"TrafficMirrorFilterId": {s.FilterID},
		"SessionNumber":         {strconv.Itoa(max(1, s.Number))},
	}
	if s.VNI > 0 {
		p.Set("VirtualNetworkId", strconv.Itoa(s.VNI))
	}
	if s.Description != "" {
		p.Set("Description", s.Description)
	}
	for i, t := range s.Tags {
		at := "TagSpecification.1.Tag." + strconv.Itoa(i+1) + "."
		p.Set("TagSpecification.1.ResourceType", "traffic-mirror-session")
		p.Set(at+"Key", t.Key)
		p.Set(at+"Value", t.Value)
	}
	var out struct {
		Session MirrorSession `xml:"trafficMirrorSession"`
	}
	err := c.Do(ctx, "CreateTrafficMirrorSession", p, &out)
	return out.Session, err
}

// DeleteMirrorSession removes a session
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTrafficMirrorSession.html).
func (c *Client) DeleteMirrorSession(ctx context.Context, id string) error {
	return c.Do(ctx, "DeleteTrafficMirrorSession", url.Values{"TrafficMirrorSessionId": {id}}, nil)
}
