locals {
  assumed = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
  # What has a try may keep its own task from being scaled in.
  protect = {
    Effect    = "Allow"
    Action    = ["ecs:UpdateTaskProtection"]
    Resource  = ["arn:aws:ecs:${var.region}:*:task/${var.name}/*"]
    Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
  }
  # The key opens what its own service hands out, and nothing by itself.
  unseal = { for service, actions in { secretsmanager = ["kms:Decrypt"], s3 = ["kms:Decrypt", "kms:GenerateDataKey"] } : service => {
    Effect    = "Allow"
    Action    = actions
    Resource  = [var.data.kms_key_arn]
    Condition = { StringEquals = { "kms:ViaService" = "${service}.${var.region}.amazonaws.com" } }
  } }
  # What each kind of task is started with: workers get their token, and neither the database nor the key.
  read = {
    scheduler = [for each in ["database-url", "secret-key", "worker-token", "scaler-token"] : var.data.secrets[each]]
    worker    = [var.data.secrets["worker-token"]]
  }
}

resource "aws_iam_role" "start" {
  for_each           = local.read
  name               = "${var.name}-start-${each.key}"
  assume_role_policy = local.assumed
}

resource "aws_iam_role_policy" "start" {
  for_each = local.read
  name     = "start"
  role     = aws_iam_role.start[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = each.value },
      local.unseal["secretsmanager"],
      {
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
        Resource = ["arn:aws:ecr:${var.region}:*:repository/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [for each in aws_cloudwatch_log_group.this : "${each.arn}:*"]
      },
    ]
  })
}

resource "aws_iam_role" "scheduler" {
  name               = "${var.name}-scheduler"
  assume_role_policy = local.assumed
}

resource "aws_iam_role_policy" "scheduler" {
  name = "scheduler"
  role = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = ["arn:aws:s3:::${var.data.logs_bucket}/*"]
      },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::${var.data.logs_bucket}"] },
      local.unseal["s3"],
      {
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = ["*"]
        Condition = { StringEquals = { "cloudwatch:namespace" = local.namespace } }
      },
      {
        Effect    = "Allow"
        Action    = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
        Resource  = [var.data.files["arn"]]
        Condition = { StringEquals = { "elasticfilesystem:AccessPointArn" = "${replace(var.data.files["arn"], "/:file-system.*/", "")}:access-point/${var.data.files["access_point"]}" } }
      },
      local.protect,
    ]
  })
}

# One role a pool: grant it what its tasks ask of AWS.
resource "aws_iam_role" "worker" {
  for_each           = var.workers
  name               = "${var.name}-worker-${each.key}"
  assume_role_policy = local.assumed
}

resource "aws_iam_role_policy" "worker" {
  for_each = var.workers
  name     = "worker"
  role     = aws_iam_role.worker[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.protect,
      # Large values that one task leaves for another.
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = ["arn:aws:s3:::${var.data.logs_bucket}/xcom/*"]
      },
      {
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::${var.data.logs_bucket}"]
        Condition = { StringLike = { "s3:prefix" = ["xcom/*"] } }
      },
      local.unseal["s3"],
    ]
  })
}
