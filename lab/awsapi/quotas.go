package awsapi

// quotas is Service Quotas (docs.aws.amazon.com/servicequotas/2019-06-24/apireference/).
func (s *Server) quotas() *service {
	return &service{
		name: "servicequotas", target: "ServiceQuotasV20190624", protocols: []protocol{protocolJSON11},
		operations: map[string]operation{
			"GetServiceQuota":           getServiceQuota,
			"GetAWSDefaultServiceQuota": getServiceQuota,
			"ListServiceQuotas":         listServiceQuotas,
		},
	}
}

// quota is one quota with AWS's default value.
type quota struct {
	service, code, name string
	value               float64
	adjustable          bool
}

// accountQuotas are those that a lab needs to know of
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html,
// docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html, docs.aws.amazon.com/general/latest/gr/ec2-service.html).
func accountQuotas() []quota {
	return []quota{
		{"elasticloadbalancing", "L-53DA6B97", "Application Load Balancers per Region", 50, true},
		{"elasticloadbalancing", "L-B6DF7632", "Listeners per Application Load Balancer", 50, true},
		{"elasticloadbalancing", "L-B22855CB", "Target Groups per Region", 3000, true},
		{"vpc", "L-F678F1CE", "VPCs per Region", 5, true},
		{"ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, true},
	}
}

func (c *call) quota(q quota) out {
	return out{
		{"ServiceCode", q.service}, {"ServiceName", q.service},
		{"QuotaArn", "arn:aws:servicequotas:" + c.id.Region + ":" + c.id.Account + ":" + q.service + "/" + q.code},
		{"QuotaCode", q.code}, {"QuotaName", q.name}, {"Value", q.value}, {"Unit", "None"}, {"Adjustable", q.adjustable}, {"GlobalQuota", false},
	}
}

func getServiceQuota(c *call) (out, error) {
	service, code := c.in.str("ServiceCode"), c.in.str("QuotaCode")
	for _, q := range accountQuotas() {
		if q.service == service && q.code == code {
			return out{{"Quota", c.quota(q)}}, nil
		}
	}
	return nil, failure("NoSuchResourceException", "The request failed because the specified quota %s of service %s does not exist.", code, service)
}

func listServiceQuotas(c *call) (out, error) {
	service := c.in.str("ServiceCode")
	all := list{}
	for _, q := range accountQuotas() {
		if q.service == service {
			all = append(all, c.quota(q))
		}
	}
	if len(all) == 0 {
		return nil, failure("NoSuchResourceException", "The request failed because the specified service %s does not exist.", service)
	}
	p := c.pages("NextToken", c.in.num("MaxResults", 0), 100, failure("InvalidPaginationTokenException", "Invalid token was used."))
	if p.bad != nil {
		return nil, p.bad
	}
	from, to, next := p.cut(len(all))
	return out{{"Quotas", all[from:to]}, {"NextToken", orNil(next)}}, nil
}
