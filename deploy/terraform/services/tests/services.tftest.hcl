mock_provider "aws" {}

variables {
  name   = "prod"
  region = "eu-central-1"
  network = {
    vpc_id          = "vpc-1"
    cidr            = "10.60.0.0/16"
    public_subnets  = ["subnet-1", "subnet-2"]
    private_subnets = ["subnet-3", "subnet-4"]
    security_groups = { balancer = "sg-1", scheduler = "sg-2", worker = "sg-3", database = "sg-4", broker = "sg-5" }
  }
  data = {
    broker_url  = "rediss://broker:6379/0"
    database_id = "prod"
    files       = { id = "fs-1", arn = "arn:aws:elasticfilesystem:eu-central-1:1:file-system/fs-1", access_point = "fsap-1" }
    kms_key_arn = "arn:aws:kms:eu-central-1:1:key/1"
    logs_bucket = "prod-logs"
    secrets     = { database-url = "arn:database", secret-key = "arn:key", worker-token = "arn:worker", scaler-token = "arn:scaler" }
  }
  image           = "1.dkr.ecr.eu-central-1.amazonaws.com/penstock@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  host            = "penstock.example.com"
  certificate_arn = "arn:aws:acm:eu-central-1:1:certificate/1"
  allowed_cidrs   = ["192.0.2.0/24"]
  settings        = "[queues.reports]\nexecutor = \"far\"\nmax_workers = 9"
  workers         = { default = { executor = "far", queues = ["default", "reports"], max_workers = 9 } }
}

run "containers" {
  command = apply

  assert {
    condition     = alltrue([for each in concat(jsondecode(aws_ecs_task_definition.scheduler.container_definitions), jsondecode(aws_ecs_task_definition.worker["default"].container_definitions), jsondecode(aws_ecs_task_definition.migrate.container_definitions)) : each.readonlyRootFilesystem && each.user == "10001:0" && each.linuxParameters.capabilities.drop == ["ALL"]])
    error_message = "A container runs as root, or may write into its image."
  }
  assert {
    condition     = [for each in jsondecode(aws_ecs_task_definition.worker["default"].container_definitions)[0].secrets : each.valueFrom] == ["arn:worker"]
    error_message = "A worker is given more than its token."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.start["worker"].policy).Statement[0].Resource == ["arn:worker"]
    error_message = "Workers may read more than their token."
  }
  assert {
    condition     = alltrue([for each in flatten([for role in concat(values(aws_iam_role_policy.start), values(aws_iam_role_policy.worker), [aws_iam_role_policy.scheduler]) : jsondecode(role.policy).Statement]) : can(each.Condition.StringEquals["kms:ViaService"]) if startswith(each.Action[0], "kms:")])
    error_message = "A role may use the key by itself."
  }
  assert {
    condition     = aws_iam_role.worker["default"].name != aws_iam_role.scheduler.name && jsondecode(aws_iam_role_policy.worker["default"].policy).Statement[0].Action == ["ecs:UpdateTaskProtection"]
    error_message = "A worker may not protect its own task."
  }
  assert {
    condition     = [for each in jsondecode(aws_iam_role_policy.worker["default"].policy).Statement : each.Resource[0] if startswith(each.Action[0], "s3:Get")] == ["arn:aws:s3:::prod-logs/xcom/*"]
    error_message = "A worker reads more of the bucket than values of tasks, or not even those."
  }
  assert {
    condition     = strcontains(local.settings, "store = \"s3://prod-logs/xcom\"")
    error_message = "Large values would lie on the disk of one worker."
  }
  assert {
    condition     = strcontains(jsondecode(aws_ecs_task_definition.worker["default"].container_definitions)[0].command[0], "exec penstock worker --executor far --queues 'default,reports' --concurrency 4")
    error_message = "The worker is not started as its pool says."
  }
  assert {
    condition     = strcontains(jsondecode(aws_ecs_task_definition.scheduler.container_definitions)[0].environment[0].value, "store = \"s3://prod-logs/logs\"")
    error_message = "Logs would go with the disk of the task."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.scheduler.container_definitions)[1].command == [file("publish_workers.py")]
    error_message = "Nobody publishes how many workers are wanted."
  }
  assert {
    condition     = one(aws_ecs_service.worker["default"].network_configuration).security_groups == toset(["sg-3"])
    error_message = "Workers are in a group that reaches more."
  }
}

run "scaling" {
  command = apply

  assert {
    condition     = aws_appautoscaling_target.worker["default"].min_capacity == 0 && aws_appautoscaling_target.worker["default"].max_capacity == 9
    error_message = "It does not scale to zero, or too far."
  }
  assert {
    condition     = contains([for each in aws_appautoscaling_policy.wanted["default"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : coalesce(each.expression, "-")], "IF(running > 0, (q0 + q1) / running)")
    error_message = "Workers are not counted for all queues of the pool."
  }
  assert {
    condition     = aws_appautoscaling_policy.wanted["default"].target_tracking_scaling_policy_configuration[0].target_value == 1
    error_message = "As many as are wanted are not brought."
  }
  assert {
    condition     = contains([for each in aws_cloudwatch_metric_alarm.first["default"].metric_query : coalesce(each.expression, "-")], "IF(FILL(running, 0) == 0, q0 + q1, 0)")
    error_message = "Nothing brings the first worker."
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.oldest)) == toset(["default", "reports"])
    error_message = "A queue waits unseen."
  }
}

run "no_workers" {
  command = plan
  variables {
    workers = {}
  }
  assert {
    condition     = length(aws_ecs_service.worker) == 0
    error_message = "There are workers that nobody asked for."
  }
}

run "a_table_of_ones_own_for_logs" {
  command = plan
  variables {
    settings = "[logs]\nstore = \"s3://ours/logs\""
  }
  assert {
    condition     = length(regexall("\\[logs\\]", local.settings)) == 1 && strcontains(local.settings, "s3://ours/logs")
    error_message = "The table is there twice, or not as it was given."
  }
}

run "several_servers_share_what_each_has_to_know" {
  command = apply
  variables {
    scheduler = { count = 2 }
  }
  assert {
    condition     = aws_ecs_service.scheduler.desired_count == 2
    error_message = "There is one scheduler."
  }
  assert {
    condition     = contains([for each in jsondecode(aws_ecs_task_definition.scheduler.container_definitions)[0].mountPoints : each.containerPath], "/var/lib/penstock-shared") && strcontains(local.settings, "logs_folder = \"/var/lib/penstock-shared/logs\"")
    error_message = "Logs of workers would be split between two folders."
  }
  assert {
    condition     = strcontains(jsondecode(aws_ecs_task_definition.scheduler.container_definitions)[0].command[0], "ln -s /var/lib/penstock-shared/snapshots /var/lib/penstock/snapshots; exec penstock up")
    error_message = "Source snapshots go with the task that took them."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.scheduler.policy).Statement[4].Condition.StringEquals["elasticfilesystem:AccessPointArn"] == "arn:aws:elasticfilesystem:eu-central-1:1:access-point/fsap-1"
    error_message = "The scheduler may mount more than its folder, or not even that."
  }
}

run "a_tag_is_no_image" {
  command = plan
  variables {
    image = "penstock:latest"
  }
  expect_failures = [var.image]
}
