# Athena: a workgroup with a bucket of its own for results, and named queries. Each names its days: without them a query reads
# everything.

locals {
  today = "day >= date_format(current_date - interval '1' day, '%Y/%m/%d')"

  queries = merge(
    {
      failed-handshakes = {
        text = "Who failed the TLS handshake, on which listener, with which code"
        sql  = <<-SQL
          SELECT tls_verify_status, listener_port, client_ip, leaf_client_cert_subject, count(*) AS connections, min(time) AS first, max(time) AS last
          FROM connection_logs
          WHERE ${local.today} AND tls_verify_status LIKE 'Failed:%'
          GROUP BY 1, 2, 3, 4
          ORDER BY connections DESC
          LIMIT 100
        SQL
      }
      old-clients = {
        text = "Who still uses which TLS version and cipher: whom a stricter policy would lock out"
        sql  = <<-SQL
          SELECT ssl_protocol, ssl_cipher, client_ip, user_agent, count(*) AS requests
          FROM access_logs
          WHERE ${local.today} AND ssl_protocol <> '-'
          GROUP BY 1, 2, 3, 4
          ORDER BY ssl_protocol, requests DESC
          LIMIT 1000
        SQL
      }
      connections-without-requests = {
        text = "Connections with a TLS session and no request: the handshake is not the trouble"
        sql  = <<-SQL
          SELECT c.time, c.client_ip, c.listener_port, c.tls_protocol, c.tls_cipher, c.conn_trace_id
          FROM connection_logs c
          LEFT JOIN access_logs a ON a.conn_trace_id = c.conn_trace_id AND a.${local.today}
          WHERE c.${local.today} AND c.tls_verify_status = 'Success' AND a.conn_trace_id IS NULL
          ORDER BY c.time DESC
          LIMIT 100
        SQL
      }
    },
    var.flow_log_group != null ? {} : {
      suspect-flows = {
        text = "Accepted flows to the listeners with few packets: experiment 1's filter"
        sql  = <<-SQL
          SELECT srcaddr, dstport, count(*) AS flows, sum(packets) AS packets, sum(bytes) AS octets
          FROM flow_logs
          WHERE ${local.today} AND dstport IN (${join(", ", [for p in local.ports : tonumber(p)])}) AND protocol = 6 AND packets < 5 AND action = 'ACCEPT'
          GROUP BY 1, 2
          ORDER BY flows DESC
          LIMIT 100
        SQL
      }
    },
    var.waf_log_bucket == null ? {} : {
      waf-verdicts = {
        text = "What the web ACL decided, by which rule, about whom"
        sql  = <<-SQL
          SELECT action, terminatingruleid, httprequest.clientip AS client_ip, ja3fingerprint, count(*) AS requests
          FROM waf_logs
          WHERE ${local.today}
          GROUP BY 1, 2, 3, 4
          ORDER BY requests DESC
          LIMIT 100
        SQL
      }
    },
  )
}

module "results" {
  source = "../bucket"

  name        = "${var.name}-${var.account_id}-athena"
  partition   = var.partition
  expire_days = var.retention_days
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Queries over the logs of ${var.name}"
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = false
    bytes_scanned_cutoff_per_query     = 1073741824

    result_configuration {
      output_location       = "s3://${module.results.name}/"
      expected_bucket_owner = var.account_id

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each = local.queries

  name        = each.key
  description = each.value.text
  workgroup   = aws_athena_workgroup.this.id
  database    = aws_glue_catalog_database.this.name
  query       = chomp(each.value.sql)
}
