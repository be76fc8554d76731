# Each reader is granted those that it needs: workers get their token, and neither the database nor the key.
resource "aws_secretsmanager_secret" "this" {
  for_each    = toset(["database-url", "secret-key", "worker-token", "scaler-token"])
  name        = "${var.name}/${each.key}"
  description = "Of Penstock"
  kms_key_id  = aws_kms_key.this.arn
}

resource "aws_secretsmanager_secret_version" "database_url" {
  secret_id                = aws_secretsmanager_secret.this["database-url"].id
  secret_string_wo         = "postgresql://penstock:${urlencode(var.database_password)}@${aws_db_instance.this.endpoint}/penstock?sslmode=require"
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "secret_key" {
  secret_id                = aws_secretsmanager_secret.this["secret-key"].id
  secret_string_wo         = var.secret_key
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "worker_token" {
  secret_id                = aws_secretsmanager_secret.this["worker-token"].id
  secret_string_wo         = var.worker_token
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "scaler_token" {
  secret_id                = aws_secretsmanager_secret.this["scaler-token"].id
  secret_string_wo         = var.scaler_token
  secret_string_wo_version = var.secrets_version
}
