# What holds for every bucket.

mock_provider "aws" {}

variables {
  name        = "alblab-0a1b2c3d-111122223333-logs"
  partition   = "aws"
  expire_days = 7
  statements = [{
    Sid       = "LoadBalancerAccessLog"
    Effect    = "Allow"
    Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::alblab-0a1b2c3d-111122223333-logs/access/AWSLogs/111122223333/*"
  }]
}

run "logs" {
  command = apply

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = alltrue([aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy, aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets])
    error_message = "Something about the bucket may be public."
  }
  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "The bucket has ACLs."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Load balancers deliver into buckets with S3's own keys only."
  }
  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "A bucket with logs in it could not be destroyed."
  }
  assert {
    condition     = [for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Sid] == ["TLSOnly", "LoadBalancerAccessLog"]
    error_message = "The policy lacks a statement."
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration[0].days == 7 && length(aws_s3_bucket_versioning.this) == 0
    error_message = "Forgotten logs are kept."
  }
}

run "versioned" {
  command = apply

  module {
    source = "./modules/bucket"
  }

  variables {
    versioned  = true
    statements = []
  }

  assert {
    condition     = aws_s3_bucket_versioning.this[0].versioning_configuration[0].status == "Enabled"
    error_message = "The bucket keeps no versions."
  }
  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration) == 0
    error_message = "What is in use would expire."
  }
}

run "name" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name = "alblab_logs"
  }

  expect_failures = [var.name]
}
