package awsapi

// sts is the Security Token Service (docs.aws.amazon.com/STS/latest/APIReference/).
func (s *Server) sts() *service {
	return &service{
		name: "sts", version: "2011-06-15", namespace: "https://sts.amazonaws.com/doc/2011-06-15/", item: "member",
		protocols: []protocol{protocolQuery},
		operations: map[string]operation{
			"GetCallerIdentity": func(c *call) (out, error) {
				return out{
					{"UserId", "AIDAALBLABEXAMPLEUSER"},
					{"Account", c.id.Account},
					{"Arn", "arn:aws:iam::" + c.id.Account + ":user/alblab"},
				}, nil
			},
		},
	}
}
