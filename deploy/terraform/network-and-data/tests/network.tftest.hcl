mock_provider "aws" {}

variables {
  name              = "prod"
  region            = "eu-central-1"
  zones             = ["eu-central-1a", "eu-central-1b"]
  database_password = "p/ssword"
  secret_key        = "a key"
  worker_token      = "penstock_w"
  scaler_token      = "penstock_s"
}

run "plan" {
  command = plan

  assert {
    condition     = length(distinct(concat([for each in aws_subnet.public : each.cidr_block], [for each in aws_subnet.private : each.cidr_block], [for each in aws_subnet.data : each.cidr_block]))) == 6
    error_message = "Subnets overlap."
  }
  assert {
    condition     = alltrue([for name, each in local.reached : !(each.from == "worker" && contains(["database", "scheduler"], each.to))])
    error_message = "Workers reach the database, or the scheduler beside its balancer."
  }
  assert {
    condition     = [for name, each in local.reached : each.from if each.to == "database"] == ["scheduler"]
    error_message = "Others than the scheduler reach the database."
  }
  assert {
    condition     = aws_efs_file_system.this.encrypted && [for name, each in local.reached : each.from if each.to == "files"] == ["scheduler"]
    error_message = "What servers share is plain, or others reach it."
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && !aws_db_instance.this.publicly_accessible && aws_db_instance.this.deletion_protection
    error_message = "The database is open, plain, or easily lost."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.at_rest_encryption_enabled
    error_message = "The broker is plain."
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.logs.restrict_public_buckets && aws_s3_bucket_public_access_block.logs.block_public_policy
    error_message = "Logs may be made public."
  }
  assert {
    condition     = one(aws_s3_bucket_lifecycle_configuration.logs.rule).expiration[0].days == 400
    error_message = "Logs are kept for ever."
  }
}

run "secrets_are_kept_out_of_the_state" {
  command = apply

  assert {
    condition     = aws_secretsmanager_secret_version.database_url.secret_string_wo == null && aws_db_instance.this.password_wo == null
    error_message = "A secret lies in the state."
  }
  assert {
    condition     = toset(keys(output.data.secrets)) == toset(["database-url", "secret-key", "worker-token", "scaler-token"])
    error_message = "The stack of services does not get its secrets."
  }
}

run "one_zone_is_refused" {
  command = plan
  variables {
    zones = ["eu-central-1a"]
  }
  expect_failures = [var.zones]
}
