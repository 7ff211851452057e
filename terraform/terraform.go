// Package terraform holds the configuration that builds the lab in an AWS account, so that the program can bring it along.
package terraform

import "embed"

// Files are the root module and its modules: what "terraform init" needs, without examples and tests.
//
//go:embed *.tf modules
var Files embed.FS
