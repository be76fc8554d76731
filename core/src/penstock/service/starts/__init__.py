"""What a project begins with that is to run in containers: files of compose and Helm, secrets, a certificate."""
