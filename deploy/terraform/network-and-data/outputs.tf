output "network" {
  description = "What the stack `services` takes as `network`."
  value = {
    vpc_id          = aws_vpc.this.id
    cidr            = var.cidr
    public_subnets  = [for each in aws_subnet.public : each.id]
    private_subnets = [for each in aws_subnet.private : each.id]
    security_groups = { for name, each in aws_security_group.this : name => each.id }
  }
}

output "data" {
  description = "What the stack `services` takes as `data`."
  value = {
    broker_url  = "rediss://${aws_elasticache_replication_group.this.primary_endpoint_address}:6379/0"
    database_id = aws_db_instance.this.identifier
    files       = { id = aws_efs_file_system.this.id, arn = aws_efs_file_system.this.arn, access_point = aws_efs_access_point.this.id }
    kms_key_arn = aws_kms_key.this.arn
    logs_bucket = aws_s3_bucket.logs.bucket
    secrets     = { for name, each in aws_secretsmanager_secret.this : name => each.arn }
  }
}
