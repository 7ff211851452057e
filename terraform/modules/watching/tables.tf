# The logs that lie in S3, as Glue tables: access and connection logs always; flow logs and the web ACL's where they go there.
# Columns follow the logs' documented order; Go tests hold them against alblab's parsers and the vendor's sample lines.

locals {
  text    = "org.apache.hadoop.mapred.TextInputFormat"
  textout = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

  # A group of the expression for each column, no more and no fewer: a mismatch gives rows of nulls. Fields that were added
  # over the years are optional, and whatever AWS will append is ignored.
  access_columns = [
    ["type", "string"], ["time", "string"], ["elb", "string"], ["client_ip", "string"], ["client_port", "int"],
    ["target_ip", "string"], ["target_port", "int"], ["request_processing_time", "double"],
    ["target_processing_time", "double"], ["response_processing_time", "double"], ["elb_status_code", "int"],
    ["target_status_code", "string"], ["received_bytes", "bigint"], ["sent_bytes", "bigint"], ["request_verb", "string"],
    ["request_url", "string"], ["request_proto", "string"], ["user_agent", "string"], ["ssl_cipher", "string"],
    ["ssl_protocol", "string"], ["target_group_arn", "string"], ["trace_id", "string"], ["domain_name", "string"],
    ["chosen_cert_arn", "string"], ["matched_rule_priority", "string"], ["request_creation_time", "string"],
    ["actions_executed", "string"], ["redirect_url", "string"], ["error_reason", "string"], ["target_port_list", "string"],
    ["target_status_code_list", "string"], ["classification", "string"], ["classification_reason", "string"],
    ["conn_trace_id", "string"], ["transformed_host", "string"], ["transformed_uri", "string"],
    ["request_transform_status", "string"], ["ip_address", "string"],
  ]
  access_regex = join("", [
    "([^ ]*) ([^ ]*) ([^ ]*) (?:([^ ]*):([0-9]+)|-) (?:([^ ]*):([0-9]+)|-)",
    " ([-.0-9]*) ([-.0-9]*) ([-.0-9]*) ([0-9]*)-? ([-0-9]*) ([-0-9]*) ([-0-9]*)",
    " \"([^ ]*) (.*?) (- |[^ ]*)\" \"(.*?)\" ([^ ]*) ([^ ]*) ([^ ]*)",
    " \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\" ([^ ]*) ([^ ]*)",
    " \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\"",
    "(?: ([^ ]+))?(?: \"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\")?(?: ([^ \"]+))?(?: .*)?",
  ])

  connection_columns = [
    ["time", "string"], ["client_ip", "string"], ["client_port", "int"], ["listener_port", "int"], ["tls_protocol", "string"],
    ["tls_cipher", "string"], ["tls_handshake_latency", "double"], ["leaf_client_cert_subject", "string"],
    ["leaf_client_cert_validity", "string"], ["leaf_client_cert_serial_number", "string"], ["tls_verify_status", "string"],
    ["conn_trace_id", "string"], ["tls_keyexchange", "string"], ["elb", "string"], ["ip_address", "string"],
  ]
  connection_regex = join("", [
    "([^ ]*) ([^ ]*) ([0-9]*) ([0-9]*) ([^ ]*) ([^ ]*) ([-.0-9]*) \"?(.*?)\"? (-|NotBefore=[^ ]*) ([^ ]*)",
    " \"?([^ \"]*)\"? (TID_[^ ]*|-)(?: ([^ ]+))?(?: ([^ ]+))?(?: ([^ ]+))?(?: .*)?",
  ])

  # The Parquet names have underscores for hyphens (docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs-partition-projection.html);
  # types as in docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html.
  integers  = ["version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"]
  bigs      = ["packets", "bytes", "start", "end"]
  flow_cols = [for f in var.flow_fields : [replace(f, "-", "_"), contains(local.integers, f) ? "int" : contains(local.bigs, f) ? "bigint" : "string"]]

  waf_columns = [
    ["timestamp", "bigint"], ["formatversion", "int"], ["webaclid", "string"], ["terminatingruleid", "string"],
    ["terminatingruletype", "string"], ["action", "string"],
    ["terminatingrulematchdetails", "array<struct<conditiontype:string,sensitivitylevel:string,location:string,matcheddata:array<string>>>"],
    ["httpsourcename", "string"], ["httpsourceid", "string"],
    ["rulegrouplist", "array<struct<rulegroupid:string,terminatingrule:struct<ruleid:string,action:string,rulematchdetails:array<struct<conditiontype:string,sensitivitylevel:string,location:string,matcheddata:array<string>>>>,nonterminatingmatchingrules:array<struct<ruleid:string,action:string,overriddenaction:string,rulematchdetails:array<struct<conditiontype:string,sensitivitylevel:string,location:string,matcheddata:array<string>>>>>,excludedrules:string,customerconfig:string>>"],
    ["ratebasedrulelist", "array<struct<ratebasedruleid:string,limitkey:string,maxrateallowed:int>>"],
    ["nonterminatingmatchingrules", "array<struct<ruleid:string,action:string,rulematchdetails:array<struct<conditiontype:string,sensitivitylevel:string,location:string,matcheddata:array<string>>>>>"],
    ["requestheadersinserted", "array<struct<name:string,value:string>>"], ["responsecodesent", "string"],
    ["httprequest", "struct<clientip:string,country:string,headers:array<struct<name:string,value:string>>,uri:string,args:string,httpversion:string,httpmethod:string,requestid:string,fragment:string,scheme:string,host:string>"],
    ["labels", "array<struct<name:string>>"], ["requestbodysize", "bigint"], ["requestbodysizeinspectedbywaf", "bigint"],
    ["ja3fingerprint", "string"], ["ja4fingerprint", "string"],
  ]

  elb_path = "AWSLogs/${var.account_id}/elasticloadbalancing/${var.region}"

  tables = merge(
    {
      access_logs = {
        columns = local.access_columns, path = "s3://${var.log_bucket}/${var.log_prefixes.access}/${local.elb_path}"
        input   = local.text, output = local.textout, serde = "org.apache.hadoop.hive.serde2.RegexSerDe"
        options = { "serialization.format" = "1", "input.regex" = local.access_regex }
      }
      connection_logs = {
        columns = local.connection_columns, path = "s3://${var.log_bucket}/${var.log_prefixes.connection}/${local.elb_path}"
        input   = local.text, output = local.textout, serde = "org.apache.hadoop.hive.serde2.RegexSerDe"
        options = { "serialization.format" = "1", "input.regex" = local.connection_regex }
      }
    },
    var.flow_log_group != null ? {} : {
      flow_logs = {
        columns = local.flow_cols, path = "s3://${var.log_bucket}/${var.log_prefixes.flow}/AWSLogs/${var.account_id}/vpcflowlogs/${var.region}"
        input   = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
        output  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
        serde   = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
        options = { "serialization.format" = "1" }
      }
    },
    var.waf_log_bucket == null ? {} : {
      waf_logs = {
        # A day's hours and minutes are folders below it, which Athena reads too.
        columns = local.waf_columns, path = "s3://${coalesce(var.waf_log_bucket, "none")}/AWSLogs/${var.account_id}/WAFLogs/${var.region}/${coalesce(var.web_acl_name, "none")}"
        input   = local.text, output = local.textout, serde = "org.openx.data.jsonserde.JsonSerDe"
        options = { "serialization.format" = "1", "ignore.malformed.json" = "false" }
      }
    },
  )
}

resource "aws_glue_catalog_database" "this" {
  name        = replace(var.name, "-", "_")
  description = "Logs of ${var.name}"
}

resource "aws_glue_catalog_table" "log" {
  for_each = local.tables

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  table_type    = "EXTERNAL_TABLE"

  # Partitions by day that nobody has to add.
  parameters = {
    "EXTERNAL"                     = "TRUE"
    "projection.enabled"           = "true"
    "projection.day.type"          = "date"
    "projection.day.format"        = "yyyy/MM/dd"
    "projection.day.range"         = "2024/01/01,NOW"
    "projection.day.interval"      = "1"
    "projection.day.interval.unit" = "DAYS"
    "storage.location.template"    = "${each.value.path}/$${day}"
  }

  partition_keys {
    name = "day"
    type = "string"
  }

  storage_descriptor {
    location      = "${each.value.path}/"
    input_format  = each.value.input
    output_format = each.value.output

    dynamic "columns" {
      for_each = each.value.columns
      content {
        name = columns.value[0]
        type = columns.value[1]
      }
    }

    ser_de_info {
      serialization_library = each.value.serde
      parameters            = each.value.options
    }
  }
}
