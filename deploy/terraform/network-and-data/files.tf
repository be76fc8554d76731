# Source snapshots of the runs that are live, and logs on their way to the bucket: the disk of a Fargate task goes with it.
resource "aws_efs_file_system" "this" {
  creation_token  = var.name
  encrypted       = true
  kms_key_id      = aws_kms_key.this.arn
  throughput_mode = "elastic"
  tags            = { Name = var.name }
}

resource "aws_efs_mount_target" "this" {
  for_each        = local.zones
  file_system_id  = aws_efs_file_system.this.id
  subnet_id       = aws_subnet.data[each.key].id
  security_groups = [aws_security_group.this["files"].id]
}

# A folder of the user of the image, whoever mounts it.
resource "aws_efs_access_point" "this" {
  file_system_id = aws_efs_file_system.this.id
  posix_user {
    uid = 10001
    gid = 0
  }
  root_directory {
    path = "/penstock"
    creation_info {
      owner_uid   = 10001
      owner_gid   = 0
      permissions = "0770"
    }
  }
}
